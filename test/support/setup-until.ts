// Runs a system command on a scripted host until a step is begun or done, and is killed there: ROOT PACKAGE COMMAND STEP PHASE.
import { install } from "../../src/setup/install/install.ts";
import { uninstall } from "../../src/setup/uninstall/uninstall.ts";
import { upgrade } from "../../src/setup/install/upgrade.ts";
import { owner, scriptedHost } from "./scripted-systemd.ts";

const [root = "", pack = "", command = "", step, phase] = process.argv.slice(2);
const host = scriptedHost(root, pack);
const deps = {
  ...host,
  tell: (event: { step: string; phase: string }) => {
    if (event.step === step && event.phase === phase) process.kill(process.pid, "SIGKILL");
  },
};
process.umask(0o022);
if (command === "install") await install(deps, { owner: owner.name, sudoUser: undefined, dryRun: false });
if (command === "upgrade") await upgrade(deps, { dryRun: false });
if (command === "uninstall")
  await uninstall(deps, { stopVms: false, purge: true, dryRun: false, sure: async () => true });
