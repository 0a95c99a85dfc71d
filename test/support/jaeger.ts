import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { Process } from "./installation.ts";
import type { ResourceSpans } from "./otlp-spans.ts";
import { noSandbox, type Sandbox } from "./sandbox.ts";

/** Jaeger's program as a sandbox has it, and the reader of compose files; or why they aren't there. */
export interface JaegerPrograms {
  readonly jaeger: string;
  readonly compose: string;
  readonly missing?: string;
}

/** Finds the programs, which are built where they aren't there yet: that takes minutes. */
export async function findJaeger(): Promise<JaegerPrograms> {
  const none = (missing: string) => ({ jaeger: "", compose: "", missing });
  if (noSandbox !== undefined) return none(noSandbox);
  const build = spawn("scripts/jaeger", { stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise((resolve) => {
    build.once("close", resolve);
  });
  const [said, printed, code] = await Promise.all([text(build.stderr), text(build.stdout), ended]);
  if (code !== 0) return none(said.trim().split("\n").at(-1) ?? `scripts/jaeger ended with ${String(code)}`);
  const directory = printed.trim();
  return { jaeger: `${directory.replace(process.cwd(), "/mnt/banger")}/jaeger`, compose: `${directory}/compose` };
}

/** Starts the program in a sandbox, as Jaeger (without arguments) or as a collector, and waits until it takes what it is sent. */
export async function startJaeger(
  sandbox: Sandbox,
  path: string,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<Process> {
  const started = new Process(sandbox, sandbox.spawn([path, ...args], { env }));
  await started.logged((record) => /Everything is ready/.test(JSON.stringify(record)));
  return started;
}

/** Asks a Jaeger in a sandbox; undefined where it knows nothing of that. */
export async function askJaeger<T>(sandbox: Sandbox, path: string): Promise<T | undefined> {
  const script = `fetch("http://127.0.0.1:16686" + process.argv[1]).then(async (answer) => {
    if (answer.status !== 404) console.log(await answer.text());
    if (![200, 404].includes(answer.status)) process.exitCode = 1;
  });`;
  const { stdout, stderr, code } = await sandbox.run(["node", "-e", script, path]);
  if (code !== 0) throw new Error(`Jaeger answered ${path}: ${stdout}${stderr}`);
  return stdout === "" ? undefined : (JSON.parse(stdout) as T);
}

/** What a Jaeger has of an operation, as it came, without its own remarks on clocks; nothing until the first of it has come. */
export async function traceInJaeger(sandbox: Sandbox, opId: string): Promise<readonly ResourceSpans[]> {
  const answer = await askJaeger<{ result: { resourceSpans: ResourceSpans[] } }>(
    sandbox,
    `/api/v3/traces/${opId.replace("op-", "")}?raw_traces=true`,
  );
  return answer?.result.resourceSpans ?? [];
}
