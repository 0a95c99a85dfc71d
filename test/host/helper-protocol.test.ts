import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

interface Exchange {
  readonly frame: { readonly method: string };
  /** What a daemon of that protocol reads of the answer; `*`: anything. */
  readonly result?: Record<string, unknown>;
  readonly error?: string;
}

describe.skipIf(noSandbox)(`the helper's protocol${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  it("is spoken with a daemon of protocol 1: its frames are answered as ever", async () => {
    await using host = await Installation.create();
    await host.startHelper();
    const before = await host.hostState();
    const exchanges = readFileSync("test/data/helper-protocol-1.ndjson", "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Exchange);
    // One connection, one frame after the other, as that daemon did.
    const { stdout } = await host.sandbox.run([
      "node",
      "-e",
      `const lines = require("node:readline").createInterface({ input: socket = require("node:net").createConnection(process.argv[1]) });
       const frames = JSON.parse(process.argv[2]);
       const send = () => (frames.length === 0 ? socket.end() : socket.write(JSON.stringify(frames.shift()) + "\\n"));
       lines.on("line", (line) => { console.log(line); send(); });
       send();`,
      host.layout.helperSocket,
      JSON.stringify(exchanges.map(({ frame }) => frame)),
    ]);
    const answers = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(answers).toHaveLength(exchanges.length);
    for (const [index, { frame, result, error }] of exchanges.entries()) {
      const expected =
        error === undefined
          ? {
              result: Object.fromEntries(
                Object.entries(result ?? {}).map(([key, value]) => [key, value === "*" ? expect.anything() : value]),
              ),
            }
          : { error: { code: error } };
      expect(answers[index], frame.method).toMatchObject(expected);
    }
    expect(await host.hostState()).toBe(before);
  });

  it("is 2", async () => {
    await using host = await Installation.create();
    await host.startHelper();
    const { stdout } = await host.sandbox.run([
      "node",
      "test/support/call.ts",
      host.layout.helperSocket,
      "helper.ping",
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ result: { protocol: 2 } });
  });
});
