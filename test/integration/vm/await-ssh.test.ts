import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { awaitSsh } from "../../../src/daemon/ssh/await-ssh.ts";
import type { Warning } from "../../../src/rpc/contract/warning.ts";

const firewall: Warning = { code: "guests_cut_off", message: "chain c drops it", hint: "Let it through." };
let server: Server;
/** What the server says to each connection; nothing when undefined. */
let greeting: string | undefined;
beforeEach(async () => {
  greeting = undefined;
  server = createServer((socket) => {
    socket.on("error", () => undefined);
    if (greeting !== undefined) socket.write(greeting);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(() => void server.close());

const told: string[] = [];
function wait(timeoutMs: number, found: readonly Warning[]): Promise<void> {
  told.length = 0;
  return awaitSsh({
    host: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    timeoutMs,
    signal: new AbortController().signal,
    gone: new Promise(() => undefined),
    late: { inTheWay: async () => found, tell: (text) => void told.push(text), afterMs: 20 },
  });
}

it("tells what is in the way as soon as the server is late, and in the end", async () => {
  await expect(wait(300, [firewall])).rejects.toMatchObject({
    code: "deadline_exceeded",
    plain: expect.stringMatching(/^no ssh server answered at .* within 0\.3 s: chain c drops it$/) as string,
    details: { hint: "Let it through." },
  });
  expect(told).toEqual(["chain c drops it"]);
});

it("says only that the server didn't answer where nothing is in the way", async () => {
  await expect(wait(300, [])).rejects.toMatchObject({
    plain: expect.stringMatching(/ within 0\.3 s$/) as string,
    details: undefined,
  });
  expect(told).toEqual([]);
});

it("is over when the server greets", async () => {
  greeting = "SSH-2.0-test\r\n";
  await wait(10_000, [firewall]);
});
