import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ConsoleLog } from "../../../src/daemon/vmm/console-log.ts";

let directory: string;
let log: ConsoleLog;
let guest: Socket;
let stop: () => void;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "banger-console-"));
  const socketPath = join(directory, "socket");
  const connected = new Promise<Socket>((resolve) => {
    const server = createServer(resolve).listen(socketPath);
    stop = () => server.close();
  });
  log = await ConsoleLog.attach({ socketPath, logPath: join(directory, "console.log") });
  guest = await connected;
});
afterEach(() => {
  guest.destroy();
  log.close();
  stop();
  rmSync(directory, { recursive: true });
});

it("stays below 1 MiB however much a guest writes, says what was cut and keeps the end", async () => {
  const line = `${"x".repeat(99)}\n`;
  for (let n = 0; n < 500; n++) guest.write(line.repeat(100));
  guest.end("the end\n");
  await log.closed;
  expect(statSync(join(directory, "console.log")).size).toBeLessThan(1024 * 1024);
  expect(readFileSync(join(directory, "console.log"), "utf8")).toMatch(
    /\[banger: \d+ bytes of the console were cut here\]/,
  );
  expect(log.tail(1)).toBe("the end");
});

it("is followed without a gap between what was there and what comes", async () => {
  guest.write("before\n");
  const chunks: string[] = [];
  const signal = new AbortController().signal;
  const reading = (async () => {
    for await (const chunk of log.read({ follow: true, signal })) {
      chunks.push(chunk.toString());
      if (chunks.join("").includes("before\n") && guest.writable) guest.end("after\n");
    }
  })();
  await reading;
  expect(chunks.join("")).toBe("before\nafter\n");
});

it("ends for a follower who leaves", async () => {
  const abort = new AbortController();
  const reading = (async () => {
    for await (const _ of log.read({ follow: true, signal: abort.signal })) expect.unreachable("nothing was written");
  })();
  abort.abort();
  await expect(reading).resolves.toBeUndefined();
});
