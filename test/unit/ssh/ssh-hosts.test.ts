import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SshHosts } from "../../../src/daemon/ssh/ssh-hosts.ts";
import { VmRows } from "../../support/vm-rows.ts";

let root: string;
let home: string;
let directory: string;
let rows: VmRows;
let complaints: string[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "banger-hosts-"));
  home = join(root, "a home");
  directory = join(home, ".local/state/banger/5eed0001");
  for (const path of [home, join(root, "keys"), join(root, "ssh")]) mkdirSync(path);
  rows = new VmRows();
  complaints = [];
});
afterEach(() => rmSync(root, { recursive: true }));

const hosts = () =>
  new SshHosts({
    home,
    directory,
    standIn: join(root, "ssh"),
    identityFile: join(directory, "id_ed25519"),
    vms: () => rows.list,
    hostKeyFile: (id) => join(root, "keys", id),
    zone: "vm",
    complain: (why) => complaints.push(why),
  });
const add = (id: string, name: string, network: "nat" | "none" = "nat") => {
  rows.add({ id, name, address: "10.77.0.9", network });
  writeFileSync(join(root, "keys", `${id}.pub`), `ssh-ed25519 AAAA${id}\n`);
};

describe("what ssh knows of VMs", () => {
  it("is the host key of each, and how each with a network is reached", () => {
    add("01", "web");
    add("02", "alone", "none");
    rows.add({ id: "03", name: "half", address: "10.77.0.8", network: "nat" });
    const path = hosts().write();
    expect(path).toBe(join(directory, "known_hosts"));
    expect(readFileSync(path, "utf8")).toBe("banger-01 ssh-ed25519 AAAA01\nbanger-02 ssh-ed25519 AAAA02\n");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const config = join(directory, "ssh_config");
    const asked = execFileSync("ssh", ["-F", config, "-G", "web.vm"], { encoding: "utf8" });
    for (const line of [
      "hostname 10.77.0.9",
      "user root",
      "hostkeyalias banger-01",
      "stricthostkeychecking true",
      `identityfile ${directory}/id_ed25519`,
    ]) {
      expect(asked.split("\n")).toContain(line);
    }
    expect(asked).toContain(`userknownhostsfile ${path}`);
    expect(execFileSync("ssh", ["-F", config, "-G", "alone.vm"], { encoding: "utf8" })).toContain("hostname alone.vm");
  });

  it("is written anew only when it changes, and follows each change", async () => {
    add("01", "web");
    const view = hosts();
    const path = view.write();
    const { ino } = statSync(path);
    expect(statSync(view.write()).ino).toBe(ino);
    const closing = new AbortController();
    const failures: unknown[] = [];
    const following = view.follow(
      () => rows.changed,
      closing.signal,
      (error) => failures.push(error),
    );
    add("02", "db");
    await expect.poll(() => readFileSync(path, "utf8")).toContain("banger-02");
    rows.remove("01");
    await expect.poll(() => readFileSync(path, "utf8")).not.toContain("banger-01");
    closing.abort();
    rows.add({ id: "04", name: "late", address: "10.77.0.4", network: "nat" });
    await following;
    expect(failures).toEqual([]);
  });

  it("lies in the state while the home takes none, and says so once", () => {
    add("01", "web");
    const view = hosts();
    writeFileSync(join(home, ".local"), "");
    expect([view.write(), view.write()]).toEqual(Array(2).fill(join(root, "ssh/known_hosts")));
    expect(complaints).toEqual([expect.stringContaining(".local")]);
    rmSync(join(home, ".local"));
    expect(view.write()).toBe(join(directory, "known_hosts"));
  });
});
