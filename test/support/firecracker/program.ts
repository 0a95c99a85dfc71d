// What a test installs in the place of `firecracker` where there is no KVM (install-emulated.ts): its API as published, over an emulated guest.
import { accessSync, appendFileSync, constants } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { publishedVersion } from "./published-api.ts";
import { QemuMachine } from "./qemu-machine.ts";
import { ScriptedFirecracker } from "./scripted-firecracker.ts";

/** Firecracker's own exit codes (vmm/src/lib.rs, FcExitCode). */
const exitCodes = { ok: 0, failed: 1, badArguments: 153 } as const;
const [text, flag] = [{ type: "string" }, { type: "boolean" }] as const;

function argumentsOf(argv: readonly string[]) {
  try {
    const options = { "api-sock": text, id: text, "log-path": text, level: text, "seccomp-filter": text };
    const flags = { "show-level": flag, version: flag };
    return parseArgs({ args: [...argv], options: { ...options, ...flags } }).values;
  } catch (error) {
    return leave(`Arguments parsing error: ${(error as Error).message}`, exitCodes.badArguments);
  }
}

function leave(words: string, code: number): never {
  process.stderr.write(`Error: ${words}\n`);
  process.exit(code);
}

const given = argumentsOf(process.argv.slice(2));
if (given.version === true) {
  process.stdout.write(`Firecracker v${publishedVersion}\n\n`);
  process.exit(exitCodes.ok);
}
const { "api-sock": socket = "/run/firecracker.socket", "log-path": logPath, "seccomp-filter": filter } = given;
const log = (words: string) => {
  const line = `${new Date().toISOString()} [${given.id ?? "anonymous-instance"}:main] ${words}\n`;
  if (logPath === undefined) process.stdout.write(line);
  else appendFileSync(logPath, line);
};
try {
  if (filter !== undefined) accessSync(filter, constants.R_OK);
} catch (error) {
  leave(`Seccomp error: ${(error as Error).message}`, exitCodes.failed);
}
const machine = new QemuMachine(dirname(socket));
log(`Running Firecracker v${publishedVersion}`);
const api = await ScriptedFirecracker.start(socket, machine).catch((error: unknown) =>
  leave(`RunWithApi(FailedToBindSocket(${(error as Error).message}))`, exitCodes.failed),
);
log(`Listening on API socket ("${socket}").`);
// As Firecracker does once a minute; a real one ends with 0 whatever its guest did.
setInterval(() => void api.flush(), 60_000).unref();
await machine.ended;
log("Firecracker exiting successfully. exit_code=0");
process.exit(exitCodes.ok);
