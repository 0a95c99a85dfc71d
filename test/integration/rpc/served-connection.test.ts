import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { ConnectionLimits } from "../../../src/rpc/connection-limits.ts";
import { Dismissals } from "../../../src/rpc/dismiss.ts";
import { ServedConnection } from "../../../src/rpc/served-connection.ts";
import { createLogger } from "../../../src/telemetry/log.ts";

const halfFrameMs = 300;

/** One connection as a server serves it, and the client's end. */
async function served() {
  const directory = mkdtempSync(join(tmpdir(), "banger-served-"));
  const server = createServer().listen(join(directory, "s.sock"));
  await once(server, "listening");
  const client = createConnection(join(directory, "s.sock"));
  const [socket] = (await once(server, "connection")) as [Socket];
  const connection = new ServedConnection(
    {
      dispatch: async () => ({ id: "1", result: {} }),
      log: createLogger("test", { write: () => undefined }),
      limits: new ConnectionLimits(new Set()),
      dismissals: new Dismissals(),
      hungUp: () => false,
      underWay: new Set(),
      halfFrameMs,
    },
    socket,
    undefined,
  );
  return {
    client,
    connection,
    [Symbol.asyncDispose]: async () => {
      client.destroy();
      connection.destroy();
      server.close();
      rmSync(directory, { recursive: true });
    },
  };
}

it("half a frame has its time from when it came, not from the frame before", async () => {
  await using pair = await served();
  await delay(halfFrameMs + 50);
  pair.client.write('{"id":');
  await delay(50);
  pair.connection.look();
  expect(pair.connection.leaving).toBe(false);
  await delay(halfFrameMs + 50);
  pair.connection.look();
  expect(pair.connection.leaving).toBe(true);
  const [words] = (await once(pair.client, "data")) as [Buffer];
  expect(String(words)).toMatch(/half a frame, and nothing more for/);
});

it("whoever sent garbage is leaving", async () => {
  await using pair = await served();
  pair.client.write("garbage\n");
  const [words] = (await once(pair.client, "data")) as [Buffer];
  expect(String(words)).toMatch(/not JSON/);
  expect(pair.connection.leaving).toBe(true);
});
