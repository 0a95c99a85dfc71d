import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { expect, it } from "vitest";
import { migrations } from "../../../src/daemon/store/migrations.ts";
import { ScriptedHost } from "../../support/scripted-host.ts";

const id = "0123456789abcdef";
const at = "2026-11-24T15:04:28.934Z";

it("a store of First light with a VM that runs is taken over: its VM runs on, with what it owed forgotten", async () => {
  await using host = await ScriptedHost.start(async (before, { imageId, kernelId }) => {
    rmSync(before.layout.database);
    const store = new DatabaseSync(before.layout.database);
    store.exec(`PRAGMA journal_mode = WAL; ${migrations[0] ?? ""}; PRAGMA user_version = 1`);
    store.exec(`
      INSERT INTO kernels VALUES ('${kernelId}', 'linux', '6.1', 1, '${at}');
      INSERT INTO images VALUES ('${imageId}', 'debian', 67108864, 'debian bookworm', '${at}');
      INSERT INTO vms VALUES ('${id}', 'web', 'running', '${imageId}', '${kernelId}', 1, 512, 64, '10.77.0.2', '02:01:23:45:67:89',
        'tcg', 4711, 3, '${at}', '${at}', '${at}', NULL);
      INSERT INTO debts VALUES ('${id}', 'tap', 2, '${at}');
      INSERT INTO operations VALUES ('4bf92f3577b34da6a3ce929d0e0e4736', 'banger vm start', 1, 2, 'ok', 0);`);
    store.close();
    const { directory, rootDisk } = before.layout.vm(id);
    mkdirSync(directory, { recursive: true });
    writeFileSync(rootDisk.qcow2, "a disk");
    const vmm = await before.helper.adopt(id, 3);
    vmm.status = "running";
    vmm.agent.version = 1;
  });
  expect(await host.until("web", ({ health }) => health === "ok")).toMatchObject({
    state: "running",
    generation: 3,
    pid: 4711,
    accel: "tcg",
    accel_why: null,
    exit: null,
  });
  expect(await host.exec("web")).toEqual({ exit_code: 0, signal: null });
  expect(await host.kill("web")).toMatchObject({ state: "stopped", exit: { how: "killed" } });
  expect(host.helper).toMatchObject({ vmms: new Map(), taps: new Map() });
  expect(host.services.traces.list(10)).toContainEqual(expect.objectContaining({ name: "banger vm start" }));
});
