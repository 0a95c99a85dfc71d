import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { RpcClient } from "../../../src/rpc/client.ts";
import { contract, rpcPair } from "../../support/rpc-pair.ts";

interface Exchange {
  readonly from: "client" | "server";
  readonly frame: object;
  readonly answer?: object;
  readonly outcome?: object;
}

// Frames as peers write them that know neither op_id nor traceparent.
const exchanges = readFileSync("test/data/frames-without-ids.ndjson", "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Exchange);

it.each(exchanges.filter((exchange) => exchange.from === "client"))(
  "an older client's $frame is answered as ever",
  async (exchange) => {
    await using pair = await rpcPair();
    const peer = await pair.raw();
    peer.socket.write(`${JSON.stringify(exchange.frame)}\n`);
    expect(await peer.next()).toEqual(exchange.answer);
    peer.socket.destroy();
  },
);

it.each(exchanges.filter((exchange) => exchange.from === "server"))(
  "an older server's $frame is understood",
  async ({ frame, outcome }) => {
    await using pair = await rpcPair();
    const directory = mkdtempSync(join(tmpdir(), "banger-older-"));
    const server = createServer((socket) => socket.on("data", () => socket.write(`${JSON.stringify(frame)}\n`)));
    await new Promise<void>((resolve) => {
      server.listen(join(directory, "s.sock"), resolve);
    });
    const client = await RpcClient.connect({
      path: join(directory, "s.sock"),
      spans: pair.spans,
      unavailable: "daemon_unavailable",
    });
    const answer = await client.call(contract.echo, { text: "hi" }).catch((error: unknown) => error);
    expect(answer).toMatchObject(outcome ?? {});
    client.close();
    server.close();
    rmSync(directory, { recursive: true });
  },
);

it("a second process doesn't take a live one's socket away", async () => {
  await using pair = await rpcPair();
  const { listen } = await import("../../../src/rpc/server.ts");
  await expect(listen({ path: pair.path } as never)).rejects.toThrow(/already/);
  const client = await pair.connect();
  expect(await client.call(contract.echo, { text: "still there" })).toEqual({ text: "still there" });
  client.close();
});
