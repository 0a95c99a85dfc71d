import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { sshConfigPath } from "../../rpc/ssh-config-path.ts";
import type { Vm } from "../../rpc/contract/vm.ts";
import { homeTrouble, openOwnerDirectory, type OwnerSshDeps } from "./owner-ssh.ts";
import { hostKeyAlias } from "./ssh-keys.ts";
import { textAt, writeChanged } from "./write-whole.ts";

/** What telling ssh of VMs needs. */
export interface SshHostsDeps extends OwnerSshDeps {
  readonly identityFile: string;
  readonly vms: () => readonly Pick<Vm, "id" | "name" | "address" | "network">[];
  readonly hostKeyFile: (vmId: string) => string;
  readonly zone: string;
  /** Hears once why it isn't kept in the owner's home. */
  readonly complain: (why: string) => void;
}

/** Changes that follow each other are written down together. */
const togetherMs = 100;

/**
 * What ssh has to know of VMs: their host keys, as known_hosts, and a piece of ssh_config. Both follow from records and host keys,
 * so nothing is lost with them.
 */
export class SshHosts {
  readonly #deps: SshHostsDeps;
  #complained: string | undefined;

  constructor(deps: SshHostsDeps) {
    this.#deps = deps;
  }

  /** Writes down what has changed, and says where known_hosts is. */
  write(): string {
    const { standIn, complain } = this.#deps;
    const known = this.#knownVms();
    try {
      const path = this.#writeIn(openOwnerDirectory(this.#deps), known);
      this.#complained = undefined;
      return path;
    } catch (error) {
      const why = homeTrouble(error, this.#deps);
      if (why !== this.#complained) complain(why);
      this.#complained = why;
      return this.#writeIn(standIn, known);
    }
  }

  /** Writes each change down, until `closing` aborts. */
  async follow(changed: () => Promise<void>, closing: AbortSignal, failed: (error: unknown) => void): Promise<void> {
    while (!closing.aborted) {
      const next = changed();
      try {
        this.write();
      } catch (error) {
        failed(error);
      }
      await next;
      await delay(togetherMs, undefined, { signal: closing, ref: false }).catch(() => undefined);
    }
  }

  #writeIn(directory: string, vms: readonly KnownVm[]): string {
    const path = join(directory, "known_hosts");
    writeChanged(path, vms.map(({ id, key }) => `${hostKeyAlias(id)} ${key}`).join(""));
    writeChanged(join(directory, "ssh_config"), configOf(vms, { ...this.#deps, knownHosts: path }));
    return path;
  }

  /** One that is being made has no host key yet. */
  #knownVms(): KnownVm[] {
    return this.#deps.vms().flatMap((vm) => {
      const key = textAt(`${this.#deps.hostKeyFile(vm.id)}.pub`);
      if (key === undefined || !key.endsWith("\n")) return [];
      return [{ ...vm, key }];
    });
  }
}

interface KnownVm extends Pick<Vm, "id" | "name" | "address" | "network"> {
  readonly key: string;
}

/** A piece of ssh_config(5): with it the owner's `ssh web.vm` is what `banger vm ssh web` is. */
function configOf(
  vms: readonly KnownVm[],
  { zone, identityFile, knownHosts }: Pick<SshHostsDeps, "zone" | "identityFile"> & { readonly knownHosts: string },
): string {
  const hosts = vms.filter(({ network }) => network !== "none");
  const blocks = hosts.map(
    ({ id, name, address }) => `
Host ${name}.${zone}
  HostName ${address}
  User root
  IdentityFile ${sshConfigPath(identityFile)}
  IdentitiesOnly yes
  UserKnownHostsFile ${sshConfigPath(knownHosts)}
  GlobalKnownHostsFile /dev/null
  HostKeyAlias ${hostKeyAlias(id)}
  StrictHostKeyChecking yes
  UpdateHostKeys no
`,
  );
  return `# banger writes this file anew whenever its VMs change. At the beginning of ~/.ssh/config,
#   Include ${sshConfigPath(knownHosts.replace(/known_hosts$/, "ssh_config"))}
# lets \`ssh NAME.${zone}\` reach them, with host keys that are known from the first connection on.
${blocks.join("")}`;
}
