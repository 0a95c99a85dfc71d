import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";
import { homeTrouble, openOwnerDirectory, type OwnerSshDeps } from "./owner-ssh.ts";
import { textAt, writeChanged, writeWhole } from "./write-whole.ts";

/** The installation's SSH key, and a host key for each VM: the first connection is verified, never trusted blindly. */
export interface SshKeys {
  /** The private key's file; the public one is beside it, with `.pub`. */
  readonly identityFile: string;
  /** Why it lies in the installation's state instead of the owner's home. */
  readonly awayFromHome: string | undefined;
  /** The lines of the guest root's authorized_keys. */
  authorizedKeys(): string;
  /** Makes a VM's host key. */
  makeHostKey(files: HostKeyFiles, vmId: string): Promise<void>;
  hostKey(files: HostKeyFiles): { hostKey: string; hostKeyPub: string };
}

/** Where a VM's host key lies; the public one is beside it, with `.pub`. */
export interface HostKeyFiles {
  readonly hostKey: string;
}

/** The name under which a VM's host key is filed in known_hosts. */
export function hostKeyAlias(vmId: string): string {
  return `banger-${vmId}`;
}

interface KeyPair {
  readonly private: string;
  readonly public: string;
}

const keyName = "id_ed25519";

/**
 * Opens the installation's keys, making its own key pair the first time: in the owner's home, or, where that takes none, in the
 * state. A pair that lies in the state is moved once the home takes it: it stays the same, so guests that run still know it.
 */
export async function openSshKeys(deps: OwnerSshDeps): Promise<SshKeys> {
  const { standIn } = deps;
  mkdirSync(standIn, { recursive: true, mode: 0o700 });
  const { directory, pair, awayFromHome } = await openPair(deps);
  const authorized = join(standIn, "authorized_keys");
  writeChanged(authorized, lettingIn(pair, await pairIn(standIn), awayFromHome, textAt(authorized)));
  return {
    identityFile: join(directory, keyName),
    awayFromHome,
    authorizedKeys: () => readFileSync(authorized, "utf8"),
    makeHostKey: async (files, vmId) => {
      const made = await generate(hostKeyAlias(vmId));
      for (const path of [files.hostKey, `${files.hostKey}.pub`]) rmSync(path, { force: true });
      writeFileSync(files.hostKey, made.private, { mode: 0o600 });
      chmodSync(files.hostKey, 0o600);
      writeFileSync(`${files.hostKey}.pub`, made.public, { mode: 0o644 });
    },
    hostKey: (files) => ({
      hostKey: readFileSync(files.hostKey, "utf8"),
      hostKeyPub: readFileSync(`${files.hostKey}.pub`, "utf8"),
    }),
  };
}

interface OpenPair {
  readonly directory: string;
  readonly pair: KeyPair;
  readonly awayFromHome: string | undefined;
}

async function openPair(deps: OwnerSshDeps): Promise<OpenPair> {
  const { standIn } = deps;
  try {
    return { ...(await pairAtHome(deps)), awayFromHome: undefined };
  } catch (error) {
    const awayFromHome = homeTrouble(error, deps);
    const pair = (await pairIn(standIn)) ?? (await keep(standIn, await generate("banger")));
    return { directory: standIn, pair, awayFromHome };
  }
}

async function pairAtHome(deps: OwnerSshDeps): Promise<{ directory: string; pair: KeyPair }> {
  // What can be read is used, though nothing more can be written there.
  const there = deps.directory === undefined ? undefined : await pairIn(deps.directory);
  const before = await pairIn(deps.standIn);
  const directory = there === undefined ? openOwnerDirectory(deps) : (deps.directory as string);
  const pair = there ?? (await keep(directory, before ?? (await generate("banger"))));
  if (before?.private === pair.private) remove(deps.standIn);
  return { directory, pair };
}

/** The pair in a directory; undefined where there is none. */
async function pairIn(directory: string): Promise<KeyPair | undefined> {
  const path = join(directory, keyName);
  const text = textAt(path);
  if (text === undefined) return undefined;
  if (!/^-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    throw new BangerError("host_failed", `${path} is no private key; put it back, or remove it so that one is made`);
  }
  // ssh refuses a key that others may read.
  if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
  return { private: text, public: textAt(`${path}.pub`) ?? (await publicOf(text)) };
}

async function keep(directory: string, pair: KeyPair): Promise<KeyPair> {
  writeWhole(join(directory, `${keyName}.pub`), pair.public);
  // The private key's name is what says that both are there.
  writeWhole(join(directory, keyName), pair.private);
  return pair;
}

function remove(directory: string): void {
  for (const name of [keyName, `${keyName}.pub`]) rmSync(join(directory, name), { force: true });
}

/**
 * What guests are let in by: the key in use and, so that a home that comes or goes leaves no guest behind, the one of the other
 * place: in the state where there is one, or the last that was in use at home.
 */
function lettingIn(
  { public: own }: KeyPair,
  inState: KeyPair | undefined,
  awayFromHome: string | undefined,
  before = "",
): string {
  const others = awayFromHome === undefined ? [inState?.public ?? ""] : before.split("\n");
  const other = others.map((line) => line.trim()).find((line) => line !== "" && line !== own.trim());
  return [own.trim(), ...(other === undefined ? [] : [other])].map((line) => `${line}\n`).join("");
}

/** An Ed25519 key pair in OpenSSH's formats. ssh2 is loaded only where it is needed: most daemon starts make no key. */
async function generate(comment: string): Promise<KeyPair> {
  const { default: ssh2 } = await import("ssh2");
  const pair = ssh2.utils.generateKeyPairSync("ed25519", { comment });
  return { private: `${pair.private.trim()}\n`, public: `${pair.public.trim()}\n` };
}

async function publicOf(text: string): Promise<string> {
  const { default: ssh2 } = await import("ssh2");
  const key = ssh2.utils.parseKey(text);
  if (key instanceof Error) throw new BangerError("host_failed", `the private key can't be read: ${key.message}`);
  return `${key.type} ${key.getPublicSSH().toString("base64")} banger\n`;
}
