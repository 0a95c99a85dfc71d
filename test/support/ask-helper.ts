import type { Installation } from "./installation.ts";

/** A helper's answer. */
export interface Frame {
  readonly result?: Record<string, unknown>;
  readonly error?: { code: string; message: string; op_id: string };
  readonly spans?: { name: string; attributes: Record<string, unknown> }[];
}

/** Asks an installation's helper one method. */
export async function askHelper(
  host: Installation,
  method: string,
  params: object = {},
  as: "owner" | "root" | number = "owner",
): Promise<Frame> {
  const { stdout, stderr } = await host.sandbox.run(
    ["node", "test/support/call.ts", host.layout.helperSocket, method, JSON.stringify(params)],
    { as },
  );
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout) as Frame;
}
