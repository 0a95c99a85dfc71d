import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { SetupDeps } from "../../setup/deps.ts";
import { placesBelow } from "../../setup/host/places.ts";
import { runProgram } from "../../setup/host/run-program.ts";
import { Systemd } from "../../setup/service/systemd.ts";
import type { LocalContext } from "../command.ts";
import { ownersDaemon } from "./owner-daemon.ts";

/** The package that this program lies in: it is the bundle in its `dist`. */
const packageRoot = () => join(dirname(process.argv[1] ?? "."), "..");

/** This host, for the system commands. What is made has the modes that are said, whatever the umask takes away. */
export function thisHost(context: LocalContext, readyMs = 30_000): SetupDeps {
  process.umask(0o022);
  return {
    ...context,
    places: placesBelow(),
    run: runProgram,
    systemd: new Systemd(runProgram, context.spans),
    daemonOf: ownersDaemon(),
    routes: () => readFileSync("/proc/net/route", "utf8"),
    packageRoot: packageRoot(),
    opId: context.opId ?? "",
    now: () => new Date(),
    readyMs,
  };
}

/** Refuses whoever isn't root, with the line that he can type. */
export function mustBeRoot(): void {
  if (process.getuid?.() === 0) return;
  const program = join(packageRoot(), "bin/banger");
  const words = [program, ...process.argv.slice(2)].map((word) =>
    /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`,
  );
  throw new BangerError("not_owner", "only root may change what is installed", {
    details: { hint: `Run it with sudo: \`sudo ${words.join(" ")}\`` },
  });
}
