import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { askHelper } from "../support/ask-helper.ts";
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

  it("takes over what a helper of protocol 1 remembered, whose VMMs have no recorder", async () => {
    await using host = await Installation.create();
    const vm_id = "00112233445566ff";
    await host.sandbox.root(`
      mkdir -p ${host.layout.factsDirectory}
      setpriv --reuid=62000 --regid=62000 --clear-groups sleep 1000 >/dev/null 2>&1 & pid=$!
      read -r _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ starttime _ </proc/$pid/stat
      until grep -q '^Uid:.62000' /proc/$pid/status; do :; done
      echo '{"vm_id":"${vm_id}","uid":62000,"tap":{"address":"10.77.0.2","mac":"02:00:11:22:33:44"},"vmm":{"generation":2,"started_at":"2026-01-01T00:00:00.000Z","pid":'$pid',"starttime":"'$starttime'","boot_id":"'$(cat /proc/sys/kernel/random/boot_id)'"}}' >${host.layout.facts(vm_id)}`);
    await host.startHelper();
    const ask = async (method: string, params: object = {}) => (await askHelper(host, method, params)).result;
    expect(await ask("vmm.status", { vm_id })).toMatchObject({ running: true, facts: { generation: 2, uid: 62_000 } });
    await host.sandbox.root("pkill -KILL -x sleep; while pgrep -x sleep; do :; done");
    const exit = { vm_id, generation: 2, uid: 62_000, status: null, signal: null };
    expect(await ask("vmm.list")).toMatchObject({ vmms: [], exits: [exit] });
    expect(await ask("vmm.stop", { vm_id, generation: 2 })).toEqual({ stopped: false });
    expect(await ask("tap.remove", { vm_id, generation: 2 })).toEqual({ removed: false });
    expect(await ask("vmm.list")).toMatchObject({ exits: [], leases: [] });
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
