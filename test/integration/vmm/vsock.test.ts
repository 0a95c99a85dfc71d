import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, expect, it } from "vitest";
import { connectVsock } from "../../../src/daemon/vmm/firecracker/vsock.ts";

const directory = mkdtempSync(join(tmpdir(), "banger-vsock-"));
afterAll(() => rmSync(directory, { recursive: true }));

it.each([
  ["OK 1073741824\n", ""],
  ["OK 1073741824\nX", "X"],
  ["OK 1073741824\nOK 1073741824\n\n", "OK 1073741824\n\n"],
])("leaves what came with the answer in the connection: %j", async (sent, left) => {
  await using server = createServer((socket) => socket.resume().end(sent));
  const path = join(directory, "socket");
  server.listen(path);
  await once(server, "listening");
  const socket = createConnection(path);
  const giveBack = socket.unshift.bind(socket);
  let given = 0;
  // Each time that it is read again there would be more to give back, without end.
  socket.unshift = (bytes) => ++given < 5 && giveBack(bytes);
  const connected = await connectVsock(() => Promise.resolve(socket), 5_000, new AbortController().signal);
  expect(await text(connected)).toBe(left);
});
