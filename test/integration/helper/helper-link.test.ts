import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createHelperLink } from "../../../src/daemon/helper/helper-link.ts";
import { helperContract } from "../../../src/rpc/contract/helper.ts";
import { createLogger } from "../../../src/telemetry/log.ts";
import { Spans } from "../../../src/telemetry/spans.ts";
import { startTracer } from "../../../src/telemetry/tracer.ts";

const spans = new Spans(startTracer("test", () => undefined));
const log = createLogger("test", { write: () => undefined });
let directory: string;
let server: Server;
const sockets: Socket[] = [];
/** What the helper answers to its first question; nothing when undefined. */
let greeting: Record<string, unknown> | undefined;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "banger-link-"));
  greeting = { version: "9.9.9", pid: 1, protocol: 2 };
  server = createServer((socket) => {
    sockets.push(socket);
    createInterface({ input: socket }).on("line", (line) => {
      const { id } = JSON.parse(line) as { id: string };
      if (greeting !== undefined) socket.write(`${JSON.stringify({ id, result: greeting })}\n`);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(join(directory, "helper.sock"), resolve);
  });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  rmSync(directory, { recursive: true });
});

const link = () => createHelperLink({ path: join(directory, "helper.sock"), spans, log });

it("knows what the helper says of itself, and that an older one says no protocol", async () => {
  const today = link();
  await today.call(helperContract.natEnsure, {});
  expect(today.peer).toEqual({ version: "9.9.9", protocol: 2 });
  greeting = { version: "0.1.0", pid: 1 };
  const older = link();
  await older.call(helperContract.natEnsure, {});
  expect(older.peer).toEqual({ version: "0.1.0", protocol: 1 });
  for (const open of [today, older]) open.close();
});

it("that was closed asks nothing and connects to nobody any more", async () => {
  const closed = link();
  let told = 0;
  closed.onReachable(async () => void told++);
  await closed.call(helperContract.natEnsure, {});
  closed.close();
  const before = sockets.length;
  await expect(closed.call(helperContract.natEnsure, {})).rejects.toMatchObject({ code: "helper_unavailable" });
  for (const socket of sockets) socket.destroy();
  await expect(closed.call(helperContract.natEnsure, {})).rejects.toMatchObject({ code: "helper_unavailable" });
  expect(sockets).toHaveLength(before);
  expect(told).toBeLessThanOrEqual(1);
});

it("says of a helper that falls silent that it doesn't answer, and soon whether it does", async () => {
  const silent = link();
  await silent.call(helperContract.natEnsure, {});
  expect(await silent.whyAway()).toBeUndefined();
  greeting = undefined;
  const restart = expect.stringMatching(/systemctl restart bangerd-root/) as string;
  expect(await silent.whyAway()).toEqual({ why: "it takes connections and doesn't answer", hint: restart });
  const silence = { plain: "the helper takes connections and doesn't answer", details: { hint: restart } };
  const asked = [silent.mustAnswer(), silent.mustAnswer()];
  for (const one of asked) await expect(one).rejects.toMatchObject(silence);
  await expect(silent.call(helperContract.natEnsure, {}, { deadlineMs: 100 })).rejects.toMatchObject({
    code: "helper_unavailable",
    plain: "the helper does not answer; it was asked for nat.ensure",
    details: { hint: restart },
  });
  silent.close();
});

it("gives a helper up that accepts and doesn't answer", async () => {
  greeting = undefined;
  const mute = link();
  await expect(mute.call(helperContract.natEnsure, {})).rejects.toMatchObject({ code: "helper_unavailable" });
  expect((await mute.whyAway())?.hint).toMatch(/restart/);
  mute.close();
});

it("knows why it isn't there", async () => {
  const path = join(directory, "nobody.sock");
  const away = createHelperLink({ path, spans, log });
  await expect(away.call(helperContract.natEnsure, {})).rejects.toMatchObject({ code: "helper_unavailable" });
  expect(await away.whyAway()).toEqual({ why: `can't connect to ${path}: ENOENT` });
  away.close();
});
