import { BangerError } from "../../../rpc/contract/errors.ts";
import { command } from "../../command.ts";

/** `vm ssh`: the system's own ssh, with the key and the host key that banger made. */
export const vmSsh = command({
  noun: "vm",
  verb: "ssh",
  method: "vmSsh",
  positionals: ["vm"],
  rest: { name: "command", summary: "a command to run instead of a shell", required: false },
  examples: ["banger vm ssh web", "banger vm ssh web -- uptime"],
  run: async ({ call, json, print, foreground }, params, remote) => {
    if (json && remote.length > 0) {
      throw new BangerError("usage", "vm ssh: with --json it says how to reach the VM and runs no command", {
        details: { hint: "Leave out --json, or run the command with `banger vm exec --json`." },
      });
    }
    const target = await call("vmSsh", params);
    if (json) {
      await print(target, () => "");
      return 0;
    }
    const options = [
      `UserKnownHostsFile=${target.known_hosts_file}`,
      "GlobalKnownHostsFile=/dev/null",
      `HostKeyAlias=${target.host_key_alias}`,
      "StrictHostKeyChecking=yes",
      "IdentitiesOnly=yes",
      "PasswordAuthentication=no",
      "LogLevel=ERROR",
    ];
    return foreground("ssh", [
      "-F",
      "none",
      "-i",
      target.identity_file,
      "-p",
      String(target.port),
      ...options.flatMap((option) => ["-o", option]),
      `${target.user}@${target.host}`,
      ...(remote.length === 0 ? [] : ["--", ...remote]),
    ]);
  },
});
