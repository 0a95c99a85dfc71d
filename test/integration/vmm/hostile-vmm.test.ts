import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { QmpClient } from "../../../src/daemon/vmm/qemu/qmp.ts";
import { openQemuConnection } from "../../../src/daemon/vmm/qemu/qemu-connection.ts";
import { openVmmSocket } from "../../../src/daemon/vmm/vmm-socket.ts";
import { createPeerCredentials } from "../../../src/rpc/peer-credentials.ts";

const forEver = new AbortController().signal;
const deps = { ownerUid: 61_000, peerOf: createPeerCredentials() };
let directory: string;
let path: string;
let servers: Server[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "banger-hostile-"));
  mkdirSync(join(directory, "vm"));
  path = join(directory, "vm", "qmp.sock");
  servers = [];
});
afterEach(() => {
  for (const server of servers) server.close();
  rmSync(directory, { recursive: true });
});

async function listen(at: string, serve: (socket: Socket) => void = () => undefined): Promise<void> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    serve(socket);
  });
  servers.push(server);
  server.listen(at);
  await once(server, "listening");
}

/** A VMM that greets, answers the negotiation, then says what a test gives it. */
async function qmp(words: string | Buffer, options: { greeting?: string; after?: (socket: Socket) => void } = {}) {
  await listen(path, (socket) => {
    socket.write(options.greeting ?? '{"QMP":{}}\n');
    socket.on("data", (bytes: Buffer) => {
      for (const line of bytes.toString().trim().split("\n")) {
        const { id, execute } = JSON.parse(line) as { id: string; execute: string };
        if (execute === "qmp_capabilities") socket.write(`${JSON.stringify({ id, return: {} })}\n`);
        else {
          socket.write(words);
          options.after?.(socket);
          if (options.after === undefined) socket.write(`${JSON.stringify({ id, return: { status: "running" } })}\n`);
        }
      }
    });
  });
  return QmpClient.connect({ socket: await openVmmSocket(deps, path, forEver), signal: forEver });
}

describe("a VMM that puts something in its socket's place", () => {
  it.each<[string, (elsewhere: string) => void, RegExp]>([
    ["a link to another socket", (elsewhere) => symlinkSync(elsewhere, path), /is a link in place of the VMM's own/],
    ["a link to nothing", () => symlinkSync("nowhere", path), /is a link/],
    ["a file", () => writeFileSync(path, ""), /is no socket/],
    ["a directory", () => mkdirSync(path), /is no socket/],
  ])("%s is refused, with what to do", async (_, put, why) => {
    const elsewhere = join(directory, "bangerd.sock");
    let reached = false;
    await listen(elsewhere, () => (reached = true));
    put(elsewhere);
    await expect(openVmmSocket(deps, path, forEver)).rejects.toMatchObject({
      code: "bad_content",
      plain: expect.stringMatching(why) as string,
      message: expect.stringContaining("banger vm kill") as string,
    });
    expect(reached).toBe(false);
  });

  it("a directory's own place taken by a link is not walked", async () => {
    renameSync(join(directory, "vm"), join(directory, "other"));
    await listen(join(directory, "other", "qmp.sock"));
    symlinkSync("other", join(directory, "vm"));
    await expect(openVmmSocket(deps, path, forEver)).rejects.toMatchObject({ code: "guest_died" });
  });

  it.each<[string, () => void]>([
    ["there is none", () => undefined],
    ["nobody listens any more", () => undefined],
  ])("%s: it is gone", async (what) => {
    if (what.startsWith("nobody")) {
      await listen(join(directory, "x"));
      linkSync(join(directory, "x"), path);
      await new Promise((resolve) => servers[0]?.close(resolve));
    }
    await expect(openVmmSocket(deps, path, forEver)).rejects.toMatchObject({ code: "guest_died" });
  });

  const needsRoot = process.getuid?.() === 0 ? "" : " (left out: only root makes files of others)";
  it.skipIf(needsRoot).each<[string, (other: string) => void, RegExp]>([
    ["another's socket, hard-linked", (other) => linkSync(other, path), /a socket of uid 0/],
    ["another's socket, moved there", (other) => renameSync(other, path), /a socket of uid 0/],
    [
      "one of its own name on which another listens",
      (other) => {
        renameSync(other, path);
        chown(path);
      },
      /a socket on which uid 0 listens/,
    ],
  ])(`%s is refused${needsRoot}`, async (_, put, why) => {
    chown(join(directory, "vm"));
    const other = join(directory, "other.sock");
    await listen(other);
    put(other);
    await expect(openVmmSocket(deps, path, forEver)).rejects.toMatchObject({
      code: "bad_content",
      plain: expect.stringMatching(why) as string,
    });
  });

  it.skipIf(needsRoot).each([
    ["the VM's uid", 62_001, 61_000],
    ["the owner and the VM's group", 61_000, 62_001],
  ])(`its own, in a directory of %s, is taken${needsRoot}`, async (_, uid, gid) => {
    chown(join(directory, "vm"), uid, gid);
    const child = await listenAs(62_001);
    const socket = await openVmmSocket(deps, path, forEver);
    expect(socket.destroyed).toBe(false);
    socket.destroy();
    child.kill();
  });

  function chown(at: string, uid = 62_001, gid = uid): void {
    chownSync(at, uid, gid);
  }
  async function listenAs(uid: number): Promise<ChildProcess> {
    chmodSync(directory, 0o711);
    chmodSync(join(directory, "vm"), 0o730);
    const child = spawn(
      process.execPath,
      ["-e", `require("net").createServer().listen(${JSON.stringify(path)}, () => console.log("ready"))`],
      { uid, gid: uid, stdio: ["ignore", "pipe", "inherit"], cwd: "/" },
    );
    if (child.stdout !== null) await once(child.stdout, "data");
    return child;
  }
});

describe("a VMM that says odd things on its control socket", () => {
  const odd: [string, string][] = [
    ["an answer whose id is an object", '{"id":{"toString":1},"return":{}}'],
    ["an answer whose id is of a prototype", '{"id":"__proto__","return":{}}'],
    ["an answer to nothing", '{"id":"999","return":{}}'],
    ["an answer without an id", '{"return":{}}'],
    ["a refusal of nothing", '{"error":{"class":"GenericError","desc":"no"}}'],
    ["an event without data", '{"event":"STOP_NOT"}'],
    ["an event whose data is a list", '{"event":"SHUTDOWN","data":[]}'],
    ["a reason that is an object", '{"event":"SHUTDOWN","data":{"reason":{"toString":1}}}'],
    ["a reason of a prototype", '{"event":"SHUTDOWN","data":{"reason":"constructor"}}'],
    ["a second greeting", '{"QMP":{}}'],
    ["huge numbers", '{"event":"X","data":{"n":1e999999,"m":-99999999999999999999999}}'],
    ["deep nesting", `{"event":"X","data":${"[".repeat(50_000)}${"]".repeat(50_000)}}`],
    ["a __proto__", '{"__proto__":{"QMP":1},"event":"X"}'],
    ["empty lines", "\n\r\n  "],
  ];
  it.each(odd)("%s changes nothing", async (_, words) => {
    const client = await qmp(`${words}\n`);
    const connection = await openQemuConnection(client, () => Promise.reject(new Error("no agent")), forEver);
    expect(connection).toMatchObject({ condition: "running", said: undefined });
    connection.close();
  });

  it.each<[string, string | Buffer]>([
    ["no JSON", "what?\n"],
    ["a list", "[]\n"],
    ["nothing", "null\n"],
    ["a line without an end", "x".repeat(300 * 1024)],
    ["a line that is too long", `{"event":"${"x".repeat(300 * 1024)}"}\n`],
    ["no UTF-8", Buffer.from([0x22, 0xff, 0x0a])],
    ["events without end", '{"event":"X"}\n'.repeat(10_000)],
    ["answers to nothing without end", '{"id":"x","return":1}\n'.repeat(10_000)],
    ["half a message", '{"id":'],
  ])("%s ends the connection, and says why", async (what, words) => {
    const client = await qmp(words, { after: (socket) => what.startsWith("half") && socket.destroy() });
    const failed = await client.execute("query-status").catch((error: unknown) => error);
    expect(failed).toMatchObject({
      code: "guest_died",
      plain: expect.stringMatching(/^the VMM (sent|closed)/) as string,
    });
    await client.lost;
  });

  it("one byte at a time costs no more than its bytes", async () => {
    const client = await qmp("", {
      after: async (socket) => {
        for (let n = 0; n < 20_000 && !socket.destroyed; n++) {
          if (!socket.write("x")) await once(socket, "drain");
          if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        socket.destroy();
      },
    });
    await expect(client.execute("query-status")).rejects.toMatchObject({ code: "guest_died" });
  });

  it("words of a refusal come in one line without what moves a cursor", async () => {
    const client = await qmp("", {
      after: (socket) => {
        const desc = "\u001b]0;owned\u0007no\u001b[2J\nroom\u202e";
        socket.write(`${JSON.stringify({ id: "2", error: { class: "GenericError", desc } })}\n`);
      },
    });
    await expect(client.execute("cont")).rejects.toMatchObject({
      code: "command_failed",
      plain: "QEMU refused: no room",
    });
    client.close();
  });
});
