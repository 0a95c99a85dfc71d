import { rmSync } from "node:fs";
import type { Layout } from "../../installation/layout.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Logger } from "../../telemetry/log.ts";
import { attribute } from "../../telemetry/names.ts";
import type { AgentLink } from "../guest/agent-link.ts";
import type { SshKeys } from "./ssh-keys.ts";
import { textAt, writeWhole } from "./write-whole.ts";

/** What letting the key in needs. */
export interface GuestKeysDeps {
  readonly layout: Pick<Layout, "vm">;
  readonly keys: Pick<SshKeys, "authorizedKeys">;
  readonly log: Logger;
}

/** A guest has so long. */
const deadlineMs = 20_000;

/**
 * The SSH keys by which banger comes into guests. A start gives a guest those of then; when a later daemon has another one, as it was
 * lost or lies elsewhere, guests that run are given it through their agents, which need no key. What their users let in stays.
 */
export class GuestKeys {
  readonly #deps: GuestKeysDeps;

  constructor(deps: GuestKeysDeps) {
    this.#deps = deps;
  }

  /** Notes that a guest is given the keys of now at its start. */
  started(vmId: string): void {
    writeWhole(this.#deps.layout.vm(vmId).authorizedKeys, this.#deps.keys.authorizedKeys());
  }

  /** Forgets what a guest was given that has ended. */
  ended(vmId: string): void {
    rmSync(this.#deps.layout.vm(vmId).authorizedKeys, { force: true });
  }

  /** Gives a guest that runs those of the keys that it wasn't given yet. */
  async letIn(vmId: string, agent: Pick<AgentLink, "exec">, signal: AbortSignal): Promise<void> {
    const { layout, keys, log } = this.#deps;
    const path = layout.vm(vmId).authorizedKeys;
    const given = linesOf(textAt(path) ?? "");
    const missing = linesOf(keys.authorizedKeys()).filter((line) => !given.includes(line));
    if (missing.length === 0) return;
    const { exitCode, signal: killedBy } = await agent.exec({
      argv: ["sh", "-c", script, "sh", ...missing],
      env: ["LC_ALL=C"],
      onStdout: () => undefined,
      onStderr: () => undefined,
      signal: AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]),
    });
    if (exitCode !== 0) {
      const how = exitCode === null ? `signal ${killedBy}` : `exit ${exitCode}`;
      throw new BangerError("host_failed", `/root/.ssh/authorized_keys in the guest could not be written (${how})`);
    }
    writeWhole(path, [...given, ...missing].map((line) => `${line}\n`).join(""));
    log.info({ [attribute.vmId]: vmId }, "a guest that runs was given the SSH key in use");
  }
}

function linesOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

/** Adds each key that isn't there, behind what is: with nothing but a shell, mkdir and chmod. */
const script = `
umask 077
file=/root/.ssh/authorized_keys
[ -d /root/.ssh ] || { mkdir -p /root/.ssh && chmod 700 /root/.ssh; } || exit 73
for key in "$@"; do
  line= there= end=
  if [ -e "$file" ]; then
    while IFS= read -r line; do [ "$line" != "$key" ] || there=1; done < "$file"
    # What is left is a last line without its end.
    [ "$line" != "$key" ] || there=1
    [ -z "$line" ] || end='\\n'
  fi
  [ -n "$there" ] || printf "$end%s\\n" "$key" >> "$file" || exit 73
done
`;
