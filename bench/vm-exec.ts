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
export const vmExec = (): Promise<Comparison> => execAgainstSsh("exec", []);

/** The same in a VM of that name, which is made with these options. */
export async function execAgainstSsh(name: string, made: readonly string[]): Promise<Comparison> {
  await run("banger", ["vm", "create", "--name", name, ...made, "--quiet"]);
  await run("banger", ["vm", "start", name, "--quiet"]);
  const target = JSON.parse(await run("banger", ["vm", "ssh", name, "--json"])) as Target;
  // A guest that still boots would slow both.
  await run("banger", ["vm", "exec", name, "--", "systemctl", "is-system-running", "--wait"]).catch(() => "");
  const options = [
    `UserKnownHostsFile=${target.known_hosts_file}`,
    `HostKeyAlias=${target.host_key_alias}`,
    "IdentitiesOnly=yes",
    "StrictHostKeyChecking=yes",
  ].flatMap((option) => ["-o", option]);
  const ssh = ["-F", "none", "-i", target.identity_file, ...options, `${target.user}@${target.host}`, "true"];
  return {
    name: `run \`true\` in a VM${made.includes("firecracker") ? ", Firecracker" : ""}`,
    ours: "banger vm exec",
    rival: "ssh, new connection",
    aim: { ratio: 0.08 },
    runs: 20,
    measureOurs: () => timeProgram("banger", ["vm", "exec", name, "--", "true"]),
    measureRival: () => timeProgram("ssh", ssh),
  };
}
