import type { Vm } from "../src/rpc/contract/vm.ts";
import { type Comparison, timed } from "./comparison.ts";
import { run } from "./programs.ts";

interface OtlpTrace {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        readonly name: string;
        readonly kind: number;
        readonly startTimeUnixNano: string;
        readonly endTimeUnixNano: string;
      }[];
    }[];
  }[];
}

const serverKind = 2;
const methods = new Set(["bridge.ensure", "nat.ensure", "tap.create"]);

/** What a start asks of the host's network, by the helper's own spans, against two looks with the programs that do the same. */
export async function hostNetwork(): Promise<Comparison> {
  const vm = JSON.parse(await run("banger", ["vm", "create", "--name", "linked", "--json"])) as Vm;
  return {
    name: "bridge, nat and tap of a start",
    ours: "the helper's three spans",
    rival: "one `ip link`, one `ip address`",
    aim: { most: 8 },
    runs: 12,
    measureOurs: async () => {
      await run("banger", ["vm", "start", vm.name, "--quiet"]);
      const { operations } = JSON.parse(await run("banger", ["trace", "ls", "--limit", "1", "--json"])) as {
        operations: { op_id: string }[];
      };
      const trace = JSON.parse(
        await run("banger", ["trace", "show", "--json", operations[0]?.op_id ?? ""]),
      ) as OtlpTrace;
      await run("banger", ["vm", "kill", vm.name, "--quiet"]);
      const spans = trace.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
      return spans
        .filter(({ name, kind }) => kind === serverKind && methods.has(name))
        .reduce((sum, span) => sum + Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6, 0);
    },
    measureRival: () =>
      timed(async () => {
        await run("/usr/sbin/ip", ["-json", "link", "show"]);
        await run("/usr/sbin/ip", ["-json", "address", "show"]);
      }),
  };
}
