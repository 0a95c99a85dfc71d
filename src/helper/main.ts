import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { installPath } from "../installation/read-install-file.ts";
import { readServiceArguments } from "../installation/service-arguments.ts";
import { takeListenFd } from "../service/listen-fds.ts";
import { takeServiceManager } from "../service/service-manager.ts";
import { version } from "../version.ts";
import type { HostPrograms } from "./deps.ts";
import { startHelper } from "./helper.ts";

const usage = `bangerd-root: the root helper of banger. Makes links, rules and VMM processes for one owner's daemon, and nothing else.

  bangerd-root [--config FILE]

  --config FILE   the installation, root's own file (default /etc/banger/install.toml)
  --version       print the version
  --help          print this
`;

async function main(): Promise<void> {
  const values = readServiceArguments("bangerd-root", process.argv.slice(2));
  if (values.help) return void process.stdout.write(usage);
  if (values.version) return void process.stdout.write(`bangerd-root ${version}\n`);
  // The modes of what it makes are its own; a terminal that closes, or a signal that means nothing here, ends no helper.
  process.umask(0o022);
  for (const signal of ["SIGHUP", "SIGUSR1", "SIGUSR2"] as const) process.on(signal, () => undefined);
  const manager = takeServiceManager(process.env);
  const server = await startHelper({
    config: installPath(values.config),
    programs: hostPrograms(),
    listenFd: takeListenFd(process.env, "bangerd-root"),
  });
  manager.ready(`banger ${version} serves`);
  // VMMs go on running; what is under way is finished first.
  const end = () => {
    manager.stopping("finishes what is under way; VMs run on");
    void server.close(30_000).then(() => process.exit(0), fail);
  };
  process.once("SIGTERM", end);
  process.once("SIGINT", end);
}

/** The programs lie beside the bundle, also when this runs from its source. */
function hostPrograms(): HostPrograms {
  const [main = "."] = process.argv.slice(1);
  const directory = main.endsWith(".ts") ? resolve(dirname(main), "../../dist") : resolve(dirname(main));
  return {
    consoleLog: join(directory, "console-log"),
    kvmProbe: join(directory, "kvm-probe"),
    takeFiles: join(directory, "take-files"),
    tscRate: join(directory, "tsc-rate"),
    vmStop: vmStop(directory),
    vmmCage: join(directory, "vmm-cage"),
    vmmJail: join(directory, "vmm-jail"),
    vmmWords: join(directory, "vmm-words"),
  };
}

/** Of what is installed, the one of whichever version is by then: a VM may run longer than this version is kept. */
function vmStop(directory: string): string {
  const current = resolve(directory, "../../current/bin/banger-vm-stop");
  return existsSync(current) ? current : resolve(directory, "../bin/banger-vm-stop");
}

function fail(error: unknown): void {
  process.stderr.write(`bangerd-root: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

main().catch(fail);
