import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Layout } from "../../installation/layout.ts";

/** The installation's SSH key, and a host key for each VM: the first connection is verified, never trusted blindly. */
export interface SshKeys {
  /** The lines of the guest root's authorized_keys. */
  authorizedKeys(): string;
  /** Makes a VM's host key and the known_hosts file that names it. */
  makeHostKey(files: HostKeyFiles, vmId: string): Promise<void>;
  hostKey(files: HostKeyFiles): { hostKey: string; hostKeyPub: string };
}

/** Where a VM's host key lies. */
export interface HostKeyFiles {
  readonly hostKey: string;
  readonly knownHosts: string;
}

/** The name under which a VM's host key is filed in its known_hosts. */
export function hostKeyAlias(vmId: string): string {
  return `banger-${vmId}`;
}

/** Opens the installation's keys, making its own key pair the first time. */
export async function openSshKeys(layout: Layout): Promise<SshKeys> {
  const publicFile = `${layout.sshKey}.pub`;
  if (!existsSync(layout.sshKey)) {
    mkdirSync(dirname(layout.sshKey), { recursive: true, mode: 0o700 });
    const pair = await generate("banger");
    writeFileSync(publicFile, pair.public, { mode: 0o644 });
    // The private key's name is what says that both are there.
    writeFileSync(`${layout.sshKey}.new`, pair.private, { mode: 0o600 });
    renameSync(`${layout.sshKey}.new`, layout.sshKey);
  }
  return {
    authorizedKeys: () => readFileSync(publicFile, "utf8"),
    makeHostKey: async (files, vmId) => {
      const pair = await generate(hostKeyAlias(vmId));
      for (const path of [files.hostKey, `${files.hostKey}.pub`, files.knownHosts]) rmSync(path, { force: true });
      writeFileSync(files.hostKey, pair.private, { mode: 0o600 });
      chmodSync(files.hostKey, 0o600);
      writeFileSync(`${files.hostKey}.pub`, pair.public, { mode: 0o644 });
      writeFileSync(files.knownHosts, `${hostKeyAlias(vmId)} ${pair.public}`, { mode: 0o644 });
    },
    hostKey: (files) => ({
      hostKey: readFileSync(files.hostKey, "utf8"),
      hostKeyPub: readFileSync(`${files.hostKey}.pub`, "utf8"),
    }),
  };
}

/** An Ed25519 key pair in OpenSSH's formats. ssh2 is loaded only here: most daemon starts make no key. */
async function generate(comment: string): Promise<{ private: string; public: string }> {
  const { default: ssh2 } = await import("ssh2");
  const pair = ssh2.utils.generateKeyPairSync("ed25519", { comment });
  return { private: `${pair.private.trim()}\n`, public: `${pair.public.trim()}\n` };
}
