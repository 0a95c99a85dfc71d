import type { MethodKey } from "./command.ts";
import { DaemonConnection } from "./daemon-connection.ts";

/** A person waits for the keystroke. */
const deadlineMs = 1_000;

/** Of what there are names, by the parameter that takes one, and the method that lists them. */
const listed = {
  vm: { method: "vmList", field: "vms" },
  image: { method: "imageList", field: "images" },
  kernel: { method: "kernelList", field: "kernels" },
  volume: { method: "volumeList", field: "volumes" },
  no_volume: { method: "volumeList", field: "volumes" },
  operation: { method: "traceList", field: "operations" },
  op_id: { method: "operationList", field: "operations" },
} as const satisfies Record<string, { method: MethodKey; field: string }>;

/** A parameter whose values have names. */
export type Listed = keyof typeof listed;

/** True for a parameter whose values have names. */
export function isListed(name: string): name is Listed {
  return Object.hasOwn(listed, name);
}

/** Asks what there is, by a method that only reads: it leaves no trace, and nothing for a daemon that is away. */
export async function namesOf(param: Listed, config: string): Promise<{ name: string; id: string }[]> {
  const connection = await DaemonConnection.open(config);
  try {
    const { method, field } = listed[param];
    const answer = (await connection.call(method, {}, { deadlineMs, graceMs: 0 })) as Record<string, unknown>;
    const rows = answer[field] as readonly { name?: string; id?: string; op_id?: string }[];
    const named = rows.map(({ name = "", id = "", op_id: opId }) => ({ name: opId ?? name, id }));
    return param === "operation" || param === "op_id" ? [{ name: "last", id: "" }, ...named] : named;
  } finally {
    await connection.close([]);
  }
}
