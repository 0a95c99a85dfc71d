import { rpcPair, contract } from "../test/support/rpc-pair.ts";
import { method } from "../src/rpc/contract/method.ts";
import { type Comparison, timed } from "./comparison.ts";

const perRun = 500;

/** A round trip of the wire that is traced, with op_id and client and server span, against one that isn't. */
export async function rpcRoundTrip(): Promise<Comparison> {
  const pair = await rpcPair();
  const client = await pair.connect();
  const untraced = method({ ...contract.ping });
  const each = async (work: () => Promise<unknown>) => {
    const took = await timed(async () => {
      for (let n = 0; n < perRun; n++) await work();
    });
    return took / perRun;
  };
  return {
    name: "round trip of the wire",
    ours: "traced",
    rival: "untraced",
    aim: { added: 0.5 },
    runs: 20,
    measureOurs: () =>
      pair.spans.operation("bench", { sink: () => undefined }, () =>
        each(() => client.call(contract.echo, { text: "x" })),
      ),
    measureRival: () => each(() => client.call(untraced, {})),
  };
}
