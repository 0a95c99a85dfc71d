import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { formatInstallFile } from "../../src/installation/install-file.ts";
import { type Layout, layoutOf } from "../../src/installation/layout.ts";
import { daemonContract } from "../../src/rpc/contract/daemon.ts";
import { createDispatch, type Handlers, type Outcome } from "../../src/rpc/dispatch.ts";
import { createPeerCredentials } from "../../src/rpc/peer-credentials.ts";
import { listen } from "../../src/rpc/server.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import type { SpanRecord } from "../../src/telemetry/span-record.ts";
import { Spans } from "../../src/telemetry/spans.ts";
import { startTracer } from "../../src/telemetry/tracer.ts";
import type { Ended } from "./sandbox.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const spans = new Spans(startTracer("scripted", () => undefined));

/** What a test's daemon answers; a method that it leaves out fails the request. */
export type Script = Partial<Handlers<typeof daemonContract>>;

/** A place for a daemon, and the CLI that asks it: from the sources, without a build. */
export class CliHost implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), "banger-cli-"));
  readonly config = join(this.directory, "install.toml");
  readonly layout: Layout;
  readonly outcomes: Outcome[] = [];
  readonly kept: SpanRecord[] = [];
  readonly #close: (() => Promise<void>)[] = [];

  constructor() {
    const installation = {
      id: "5eed0002",
      ownerUid: 61_000,
      ownerGid: 61_000,
      stateDir: join(this.directory, "state"),
      runDir: join(this.directory, "run"),
      helperRunDir: join(this.directory, "helper"),
      subnet: "10.77.0.0/24",
      uidFirst: 62_000,
      uidCount: 16,
      resolvers: [],
      zone: "vm",
    };
    this.layout = layoutOf(installation);
    mkdirSync(installation.runDir, { mode: 0o700 });
    writeFileSync(this.config, formatInstallFile(installation));
  }

  /** Starts a daemon that answers as the test says. */
  async serve(script: Script): Promise<void> {
    const unscripted = Object.keys(daemonContract).map((key) => [key, () => Promise.reject(new Error("not scripted"))]);
    const log = createLogger("scripted", { write: () => undefined });
    const server = await listen({
      path: this.layout.daemonSocket,
      mode: 0o600,
      log,
      peerOf: createPeerCredentials(),
      authorize: () => true,
      dispatch: createDispatch({
        contract: daemonContract,
        handlers: { ...(Object.fromEntries(unscripted) as unknown as Handlers<typeof daemonContract>), ...script },
        spans,
        log,
        keepSpans: (span) => this.kept.push(span),
        onAnswered: (outcome) => this.outcomes.push(outcome),
      }),
    });
    this.#close.push(() => server.close(100));
  }

  /** Starts `banger`. */
  spawn(argv: readonly string[], stdio: StdioOptions = "pipe"): ChildProcess {
    return spawn(process.execPath, [`${root}src/cli/main.ts`, ...argv], { env: this.env, stdio });
  }

  /** Runs `banger` to its end, with nothing on standard input. */
  run(argv: readonly string[]): Promise<Ended> {
    const child = this.spawn(argv);
    child.stdin?.end();
    return endOf(child);
  }

  /** Runs a line of bash in which `banger` is our own, in an empty directory of its own. */
  bash(line: string): Promise<Ended> {
    const child = spawn(
      "bash",
      ["--norc", "-c", `banger() { "${process.execPath}" "${root}src/cli/main.ts" "$@"; }; ${line}`],
      {
        env: this.env,
        cwd: this.directory,
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    return endOf(child);
  }

  /** What `banger` finds it by. */
  get env(): Record<string, string> {
    return { PATH: process.env["PATH"] ?? "", BANGER_CONFIG: this.config };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#close) await close();
    rmSync(this.directory, { recursive: true });
  }
}

/** What a program said, and how it ended. */
export async function endOf(child: ChildProcess): Promise<Ended> {
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout ?? Readable.from([])),
    text(child.stderr ?? Readable.from([])),
    ended,
  ]);
  return { code, stdout, stderr };
}
