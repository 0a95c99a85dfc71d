import { isatty } from "node:tty";
import type { guestContract } from "../../../rpc/contract/guest.ts";
import type { ResultOf } from "../../../rpc/contract/method.ts";
import { command } from "../../command.ts";

/** `vm ssh`: the system's own ssh, with the key and the host key that banger made; whatever the caller's ssh is set to. */
export const vmSsh = command({
  noun: "vm",
  verb: "ssh",
  method: "vmSsh",
  positionals: ["vm"],
  rest: {
    name: "command",
    summary: "a command to run instead of a shell: one word is a shell's line, several arrive as they are",
    required: false,
  },
  examples: [
    "banger vm ssh web",
    "banger vm ssh web -- uptime",
    "banger vm ssh web -- vim notes",
    "banger vm ssh web -- 'ls /etc | wc -l'",
  ],
  run: async ({ call, json, print, foreground }, params, remote) => {
    const target = await call("vmSsh", params);
    if (json && remote.length === 0) {
      await print(target, () => "");
      return 0;
    }
    return foreground("ssh", sshArguments(target, remote));
  },
});

/** What ssh is run with: for a shell, or for the words of a command. */
export function sshArguments(target: ResultOf<(typeof guestContract)["vmSsh"]>, remote: readonly string[]): string[] {
  return [...sshOptions(target), ...terminalFor(remote), `${target.user}@${target.host}`, ...remoteLine(remote)];
}

/** `-F none`: no configuration of the caller's or the host's. The agent would offer its own keys first. */
function sshOptions(target: ResultOf<(typeof guestContract)["vmSsh"]>): string[] {
  const options = [
    `UserKnownHostsFile=${quotedPath(target.known_hosts_file)}`,
    "GlobalKnownHostsFile=/dev/null",
    `HostKeyAlias=${target.host_key_alias}`,
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    `IdentityFile=${quotedPath(target.identity_file)}`,
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "PasswordAuthentication=no",
    "LogLevel=ERROR",
  ];
  return ["-F", "none", "-p", String(target.port), ...options.flatMap((option) => ["-o", option])];
}

/** A command has a terminal where its caller has one, as a shell does: then `vim` works, and Ctrl-C reaches it. Not where its output is read. */
function terminalFor(remote: readonly string[]): string[] {
  return remote.length > 0 && [0, 1, 2].every((fd) => isatty(fd)) ? ["-t"] : [];
}

/** A path as ssh_config(5) takes it: blanks separate, `%` begins a token, and ~ or $ would be looked up. */
function quotedPath(path: string): string {
  return `"${path.replaceAll("%", "%%").replaceAll(/["\\]/g, "\\$&")}"`;
}

/** What the guest's shell gets: ssh joins its arguments with blanks, so several are quoted for it. */
function remoteLine(words: readonly string[]): string[] {
  if (words.length === 0) return [];
  if (words.length === 1) return ["--", ...words];
  return ["--", words.map(quotedWord).join(" ")];
}

function quotedWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
