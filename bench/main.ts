// Prints a table of comparisons, each of two ways to do the same in one run. scripts/bench starts what it needs.
import { cliStart } from "./cli-start.ts";
import { compare, type Comparison, type LeftOut, type Outcome, report } from "./comparison.ts";
import { fourStarts } from "./four-starts.ts";
import { hostNetwork } from "./host-network.ts";
import { journalSearch } from "./journal-search.ts";
import { listMany, reconcileLeftovers, reconcileMany, showMany } from "./many-records.ts";
import {
  firecrackerDelete,
  firecrackerExec,
  firecrackerFirstExec,
  firecrackerMemory,
  firecrackerStart,
} from "./on-firecracker.ts";
import { rpcRoundTrip } from "./rpc.ts";
import { vmCreate } from "./vm-create.ts";
import { vmExec } from "./vm-exec.ts";
import { vmStart } from "./vm-start.ts";

const benches: Record<string, () => Promise<Comparison | LeftOut>> = {
  rpcRoundTrip,
  cliStart,
  hostNetwork,
  vmCreate,
  vmStart,
  fourStarts,
  vmExec,
  firecrackerStart,
  firecrackerMemory,
  firecrackerFirstExec,
  firecrackerExec,
  firecrackerDelete,
  listMany,
  showMany,
  reconcileMany,
  reconcileLeftovers,
  journalSearch,
};

const wanted = process.argv.slice(2);
const outcomes: Outcome[] = [];
for (const [name, prepare] of Object.entries(benches)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  process.stderr.write(`${name} …\n`);
  const comparison = await prepare();
  if ("leftOut" in comparison) process.stderr.write(`${name} is left out: ${comparison.leftOut}\n`);
  else outcomes.push(await compare(comparison));
}
process.stdout.write(report(outcomes));
process.exit(0);
