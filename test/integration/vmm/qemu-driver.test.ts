import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { HelperLink } from "../../../src/daemon/helper-link.ts";
import { createQemuDriver } from "../../../src/daemon/vmm/qemu/qemu-driver.ts";
import { layoutOf } from "../../../src/installation/layout.ts";

const vmId = "00112233445566ff";
let directory: string;
const servers: Server[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "banger-driver-"));
});
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => void server.close(resolve));
  rmSync(directory, { recursive: true });
});

function driver() {
  const layout = layoutOf({
    id: "12ab34cd",
    ownerUid: 1,
    ownerGid: 1,
    stateDir: `${directory}/state`,
    runDir: directory,
    helperRunDir: directory,
    subnet: "10.77.0.0/24",
    uidFirst: 62_000,
    uidCount: 1,
    resolvers: [],
  });
  // The helper's one answer that connecting may ask for.
  const call = async () => ({ running: false, last_words: "cannot set up guest memory\u001b[2J" });
  const helper = {
    call,
    connected: true,
    onReachable: () => undefined,
    close: () => undefined,
  } as unknown as HelperLink;
  return { layout, driver: createQemuDriver({ helper, layout, accelerator: { kind: "tcg", why: "a test" } }) };
}

async function listen(path: string, serve: (socket: Socket) => void): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const server = createServer(serve);
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(path, resolve);
  });
}

it("a VMM that ends while it is connected to is told with its own words", async () => {
  const { layout, driver: qemu } = driver();
  // QMP goes a little later, when its client has sent something or a moment has passed.
  await listen(layout.sockets(vmId).qmp, (socket) => setImmediate(() => setImmediate(() => socket.destroy())));
  await expect(qemu.connect(vmId)).rejects.toMatchObject({
    code: "guest_died",
    plain: "QEMU ended: cannot set up guest memory",
  });
});
