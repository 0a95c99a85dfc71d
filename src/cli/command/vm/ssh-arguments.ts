import { isatty } from "node:tty";
import { sshConfigPath } from "../../../rpc/ssh-config-path.ts";
import type { Result } from "../../command.ts";

/** What ssh is run with: for a shell, or for the words of a command. */
export function sshArguments(target: Result<"vmSsh">, remote: readonly string[]): string[] {
  return [...sshOptions(target), ...terminalFor(remote), `${target.user}@${target.host}`, ...remoteLine(remote)];
}

/** `-F none`: no configuration of the caller's or the host's. The agent would offer its own keys first. */
function sshOptions(target: Result<"vmSsh">): string[] {
  const options = [
    `UserKnownHostsFile=${sshConfigPath(target.known_hosts_file)}`,
    "GlobalKnownHostsFile=/dev/null",
    `HostKeyAlias=${target.host_key_alias}`,
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    `IdentityFile=${sshConfigPath(target.identity_file)}`,
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

/** What the guest's shell gets: ssh joins its arguments with blanks, so several are quoted for it. */
function remoteLine(words: readonly string[]): string[] {
  if (words.length === 0) return [];
  if (words.length === 1) return ["--", ...words];
  return ["--", words.map(quotedWord).join(" ")];
}

function quotedWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
