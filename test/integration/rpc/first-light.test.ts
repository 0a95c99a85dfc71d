import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { daemonContract } from "../../../src/rpc/contract/daemon.ts";
import { helperContract } from "../../../src/rpc/contract/helper.ts";
import type { Method } from "../../../src/rpc/contract/method.ts";
import { createDispatch, type Handlers } from "../../../src/rpc/dispatch.ts";
import { createLogger } from "../../../src/telemetry/log.ts";
import { Spans } from "../../../src/telemetry/spans.ts";
import { startTracer } from "../../../src/telemetry/tracer.ts";
import { CliHost } from "../../support/scripted-daemon.ts";
import { scriptedPeer } from "../../support/scripted-peer.ts";

interface Exchange {
  readonly of: "daemon" | "helper";
  readonly method: string;
  readonly params: Record<string, unknown>;
  readonly result: Record<string, unknown>;
}

// What First light's processes asked each other, and were answered. Frozen: it is never made anew from today's contract.
const exchanges = readFileSync("test/data/first-light-frames.ndjson", "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Exchange);
const spans = new Spans(startTracer("test", () => undefined));
const contracts: Record<Exchange["of"], Record<string, Method>> = { daemon: daemonContract, helper: helperContract };

it.each(exchanges)(
  "$of: $method $params of First light is answered as it was",
  async ({ of, method, params, result }) => {
    const contract = contracts[of];
    // The answer is checked by today's declaration on its way: what it drops or misses, an older caller would miss too.
    const handlers = Object.fromEntries(Object.keys(contract).map((key) => [key, () => Promise.resolve(result)]));
    const dispatch = createDispatch({
      contract,
      handlers: handlers as unknown as Handlers<typeof contract>,
      spans,
      log: createLogger("test", { write: () => undefined }),
      keepSpans: () => undefined,
    });
    const answer = await dispatch(
      { v: 1, id: "1", method, params, op_id: `op-${"1".repeat(32)}` },
      {
        signal: new AbortController().signal,
        peer: undefined,
        emit: () => Promise.resolve(),
        // oxlint-disable-next-line no-empty-function
        input: (async function* () {})(),
        ownsTrace: () => true,
      },
    );
    expect(answer.error).toBeUndefined();
    // An older CLI shows every field of the daemon's; of the helper's the daemon takes what it needs.
    if (of === "daemon") expect(answer.result).toMatchObject(result);
  },
);

it("the frozen exchanges are of every method that First light had", () => {
  expect(new Set(exchanges.map(({ method }) => method)).size).toBe(36);
});

it.each([
  ["vm ls", "vm.list", /web +0123456789ab.* running/],
  ["vm show web", "vm.show", /error +vm\.start: step ready failed/],
  ["image ls", "image.list", /bookworm/],
  ["kernel ls", "kernel.list", /6\.1\.0-50/],
  ["trace ls", "trace.list", /banger vm start/],
  ["trace show last", "trace.show", /✗ vm\.start/],
  ["daemon status", "daemon.ping", /version 0\.1\.0, pid 7/],
  ["network up", "network.up", /bgr5eed0001/],
  ["vm create --name web", "vm.create", /^web\n$/],
])("banger %s shows what First light's daemon answers", async (line, method, shown) => {
  await using host = new CliHost();
  await using _ = await scriptedPeer((frame, write) => {
    if (frame["method"] === undefined) return;
    const known = exchanges.find((exchange) => exchange.method === frame["method"]);
    write({ id: frame["id"], result: known?.result });
  }, host.layout.daemonSocket);
  expect(exchanges.some((exchange) => exchange.method === method)).toBe(true);
  const { code, stdout, stderr } = await host.run(line.split(" "));
  expect(stderr).toBe("");
  expect(stdout).toMatch(shown);
  expect(code).toBe(0);
});
