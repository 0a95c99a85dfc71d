import { afterAll, beforeAll, expect, it } from "vitest";
import { commands } from "../../../src/cli/commands.ts";
import { parseCommandLine } from "../../../src/cli/parse.ts";
import { reportError } from "../../../src/cli/report-error.ts";
import { errorTable } from "../../../src/rpc/contract/errors.ts";
import { CliHost } from "../../support/scripted-daemon.ts";

const seed = Number(process.env["BANGER_FUZZ_SEED"] ?? 8);
const lines = 5_000;
/** So many of them are run by a process each, which asks a daemon. */
const runs = 12;

/** Numbers of a seed, the same in each run (mulberry32). */
function randomOf(state: number): () => number {
  let at = state;
  return () => {
    at = (at + 0x6d2b79f5) | 0;
    let mixed = Math.imul(at ^ (at >>> 15), 1 | at);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const known = commands.flatMap(({ noun, verb, short = {} }) => [
  noun,
  verb,
  ...Object.values(short).map((s) => `-${s}`),
]);
const flags = [
  "--json",
  "-q",
  "--config",
  "--help",
  "-h",
  "--name",
  "--cpus",
  "--memory-mib",
  "--env",
  "--limit",
  "--follow",
];
const odd = [
  "",
  "-",
  "--",
  "---",
  "-1",
  "=",
  "--=",
  "--json=1",
  "--no-json",
  "-qqq",
  "web",
  "last",
  "\u001b[2J",
  "\n",
  "é",
  "😀",
  "\ufffd",
];
const odder = [
  "__proto__",
  "--__proto__",
  "constructor",
  "--constructor=1",
  "toString",
  "1e3",
  "x".repeat(5_000),
  "A=b",
  "'",
  "$(x)",
];
const words = [...known, ...flags, ...odd, ...odder];

function lineOf(random: () => number): string[] {
  const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)] as T;
  const command = pick(commands);
  const start = random() < 0.7 ? [command.noun, command.verb] : [];
  return [...start, ...Array.from({ length: Math.floor(random() * 6) }, () => pick(words))];
}

const exits = new Set<number>(Object.values(errorTable).map(({ exit }) => exit));
const random = randomOf(seed);
const all = Array.from({ length: lines }, () => lineOf(random));

it(`${lines} command lines of seed ${seed} parse, or are refused in a line that says why`, () => {
  for (const line of all) {
    try {
      parseCommandLine(line);
    } catch (error) {
      let said = "";
      const exit = reportError(error, false, (text) => void (said += String(text)));
      const shown = JSON.stringify(line.map((word) => word.slice(0, 40)));
      expect(exit, `${shown}: ${said}`).toBe(errorTable.usage.exit);
      expect(said, shown).toMatch(/^banger: [^\n]{1,300}\n[^\n]+ \[usage\]\n$/);
    }
  }
});

let host: CliHost;
beforeAll(async () => {
  host = new CliHost();
  // What it isn't told to answer it fails with: each command gets an error, or is refused its parameters.
  await host.serve({ traceSubmit: async ({ spans }) => ({ accepted: spans.length }) });
});
afterAll(() => host[Symbol.asyncDispose]());

it(`${runs} of them, run: no stack trace, the table's exit code, a line for each failure, then the hint`, async () => {
  const some = all.filter((_, index) => index % Math.floor(lines / runs) === 0).slice(0, runs);
  for (const pair of Map.groupBy(some.entries(), ([index]) => index >> 1).values()) {
    await Promise.all(
      pair.map(async ([, line]) => {
        const { code, stderr } = await host.run(line);
        const shown = JSON.stringify(line.map((word) => word.slice(0, 40)));
        expect(code === 0 || exits.has(code ?? -1), `${shown}: ${code}, ${stderr}`).toBe(true);
        expect(stderr, shown).not.toMatch(/^ {4}at |node:internal/m);
        if (code !== 0)
          expect(stderr, shown).toMatch(
            /^((banger: [^\n]+\n)+([^\n]+|(\[[a-z_]+\] [^\n]+\n)+\[[a-z_]+\] [^\n]+)|\{"error":[^]*\})\n$/,
          );
      }),
    );
  }
}, 60_000);
