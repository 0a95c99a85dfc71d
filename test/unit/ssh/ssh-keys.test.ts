import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSshKeys, type SshKeys } from "../../../src/daemon/ssh/ssh-keys.ts";

let root: string;
let home: string;
let directory: string;
let standIn: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "banger-ssh-"));
  home = join(root, "home");
  directory = join(home, ".local/state/banger/5eed0001");
  standIn = join(root, "state/ssh");
  mkdirSync(home);
});
afterEach(() => rmSync(root, { recursive: true }));

const open = (): Promise<SshKeys> => openSshKeys({ home, directory, standIn });
const read = (path: string) => readFileSync(path, "utf8");
const modeOf = (path: string) => (statSync(path).mode & 0o7777).toString(8);
const atHome = () => join(directory, "id_ed25519");
const inState = () => join(standIn, "id_ed25519");

describe("the SSH key", () => {
  it("is made in the owner's home, for the owner alone, whatever the umask is", async () => {
    const umask = process.umask(0);
    try {
      expect(await open()).toMatchObject({ identityFile: atHome(), awayFromHome: undefined });
    } finally {
      process.umask(umask);
    }
    expect([modeOf(directory), modeOf(atHome()), modeOf(join(home, ".local"))]).toEqual(["700", "600", "700"]);
    expect(readdirSync(directory).toSorted()).toEqual(["id_ed25519", "id_ed25519.pub"]);
    expect(readdirSync(standIn)).toEqual(["authorized_keys"]);
    const key = read(atHome());
    expect((await open()).authorizedKeys()).toBe(read(`${atHome()}.pub`));
    expect(read(atHome())).toBe(key);
  });

  it("that lies in the state is moved, and stays the one that guests know", async () => {
    renameSync(home, `${home}.away`);
    const before = (await open()).authorizedKeys();
    const key = read(inState());
    renameSync(`${home}.away`, home);
    expect((await open()).identityFile).toBe(atHome());
    expect(read(atHome())).toBe(key);
    expect((await open()).authorizedKeys()).toBe(before);
    expect(readdirSync(standIn)).toEqual(["authorized_keys"]);
  });

  it("whose move was cut off is moved by the next", async () => {
    renameSync(home, `${home}.away`);
    await open();
    renameSync(`${home}.away`, home);
    mkdirSync(directory, { recursive: true });
    for (const name of ["id_ed25519.pub", "id_ed25519"])
      writeFileSync(join(directory, name), read(join(standIn, name)));
    writeFileSync(`${atHome()}.new`, "cut off");
    expect(await open()).toMatchObject({ identityFile: atHome() });
    expect(existsSync(inState())).toBe(false);
    expect(modeOf(atHome())).toBe("600");
  });

  it.each<[string, () => void, RegExp]>([
    [
      "that passwd doesn't know",
      () => void ((home as unknown) = (directory as unknown) = undefined),
      /^passwd has no home/,
    ],
    ["that isn't there", () => rmSync(home, { recursive: true }), /home is not there$/],
    ["in which something is in the way", () => writeFileSync(join(home, ".local"), ""), /\(ENOTDIR\)$/],
    ["in which no directory can be made", () => void (directory = "/proc/self/banger/5eed0001"), /\(ENOENT\)$/],
    [
      "whose key is spoilt",
      () => {
        mkdirSync(directory, { recursive: true });
        writeFileSync(atHome(), "");
      },
      /id_ed25519 is no private key/,
    ],
  ])("of an owner with a home %s lies in the state", async (_, spoil, why) => {
    spoil();
    const keys = await open();
    expect(keys).toMatchObject({ identityFile: inState(), awayFromHome: expect.stringMatching(why) as string });
    expect(keys.authorizedKeys()).toBe(read(`${inState()}.pub`));
    expect([modeOf(standIn), modeOf(inState())]).toEqual(["700", "600"]);
  });

  it("of a home that goes and comes lets in by both, so that guests that were started meanwhile are reached", async () => {
    const first = (await open()).authorizedKeys();
    renameSync(home, `${home}.away`);
    const meanwhile = (await open()).authorizedKeys();
    expect(meanwhile).toBe(`${read(`${inState()}.pub`)}${first}`);
    expect((await open()).authorizedKeys()).toBe(meanwhile);
    renameSync(`${home}.away`, home);
    expect((await open()).authorizedKeys()).toBe(`${first}${read(`${inState()}.pub`)}`);
  });

  it("that the owner removes lets nobody in any more", async () => {
    const first = (await open()).authorizedKeys();
    rmSync(atHome());
    const second = (await open()).authorizedKeys();
    expect(second.trim().split("\n")).toHaveLength(1);
    expect(second).not.toBe(first);
  });

  it("whose public half is gone still has it", async () => {
    const before = (await open()).authorizedKeys();
    rmSync(`${atHome()}.pub`);
    expect((await open()).authorizedKeys()).toBe(before);
  });
});
