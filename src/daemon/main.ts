import { dirname, join, resolve } from "node:path";
import { installPath } from "../installation/read-install-file.ts";
import { readServiceArguments } from "../installation/service-arguments.ts";
import { takeListenFd } from "../service/listen-fds.ts";
import { takeServiceManager } from "../service/service-manager.ts";
import { version } from "../version.ts";
import { startDaemon } from "./daemon.ts";

const usage = `bangerd: the daemon of banger. Runs as the owner of the installation, never as root.

  bangerd [--config FILE]

  --config FILE   the installation (default /etc/banger/install.toml, or $BANGER_CONFIG)
  --version       print the version
  --help          print this

  OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318  also sends every trace to a collector
  BANGER_LOG_LEVEL=debug                             says more
`;

/** Where the guest's programs lie beside this one, built or run from source. */
function guestPrograms(): string {
  return process.env["BANGER_GUEST_PROGRAMS"] ?? join(dirname(process.argv[1] ?? "."), relativeToMain(), "guest/build");
}

/** Beside the bundle, also when this runs from its source. */
function ownUnit(): string {
  const [main = "."] = process.argv.slice(1);
  return resolve(dirname(main), main.endsWith(".ts") ? "../../dist" : ".", "own-unit");
}

function relativeToMain(): string {
  return (process.argv[1] ?? "").endsWith(".ts") ? "../.." : "..";
}

async function main(): Promise<void> {
  const values = readServiceArguments("bangerd", process.argv.slice(2));
  if (values.help) return void process.stdout.write(usage);
  if (values.version) return void process.stdout.write(`bangerd ${version}\n`);
  const config = installPath(values.config, process.env["BANGER_CONFIG"]);
  // What it makes has the modes that it says, and so has what the programs make that it runs.
  process.umask(0o022);
  // A terminal that closes ends no daemon; Node has forgotten whether who started it wanted that.
  for (const signal of ["SIGHUP", "SIGUSR1", "SIGUSR2"] as const) process.on(signal, () => undefined);
  const manager = takeServiceManager(process.env);
  const listenFd = takeListenFd(process.env, "bangerd");
  const daemon = await startDaemon({
    config,
    guestPrograms: guestPrograms(),
    ownUnit: ownUnit(),
    env: process.env,
    listenFd,
  });
  manager.ready(`banger ${version} serves`);
  const end = () => {
    manager.stopping("finishes what is under way; VMs run on");
    daemon.close().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.once("SIGTERM", end);
  process.once("SIGINT", end);
}

function fail(error: unknown): void {
  process.stderr.write(`bangerd: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

main().catch(fail);
