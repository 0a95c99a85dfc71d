import type { Comparison } from "./comparison.ts";
import { run, timeProgram } from "./programs.ts";

interface Target {
  readonly host: string;
  readonly user: string;
  readonly identity_file: string;
  readonly known_hosts_file: string;
  readonly host_key_alias: string;
}

/** `banger vm exec true` against a new ssh connection that does the same. */
export async function vmExec(): Promise<Comparison> {
  await run("banger", ["vm", "create", "--name", "exec", "--quiet"]);
  await run("banger", ["vm", "start", "exec", "--quiet"]);
  const target = JSON.parse(await run("banger", ["vm", "ssh", "exec", "--json"])) as Target;
  // A guest that still boots would slow both.
  await run("banger", ["vm", "exec", "exec", "--", "systemctl", "is-system-running", "--wait"]).catch(() => "");
  const options = [
    `UserKnownHostsFile=${target.known_hosts_file}`,
    `HostKeyAlias=${target.host_key_alias}`,
    "IdentitiesOnly=yes",
    "StrictHostKeyChecking=yes",
  ].flatMap((option) => ["-o", option]);
  const ssh = ["-F", "none", "-i", target.identity_file, ...options, `${target.user}@${target.host}`, "true"];
  return {
    name: "run `true` in a VM",
    ours: "banger vm exec",
    rival: "ssh, new connection",
    aim: { ratio: 0.08 },
    runs: 20,
    measureOurs: () => timeProgram("banger", ["vm", "exec", "exec", "--", "true"]),
    measureRival: () => timeProgram("ssh", ssh),
  };
}
