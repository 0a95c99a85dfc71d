import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { cpioArchive } from "../../../src/daemon/kernel/cpio.ts";
import { guestConfigArchive } from "../../../src/daemon/guest/guest-config.ts";

it("an archive is what cpio itself unpacks, and the same for the same entries", () => {
  const entries = [
    { path: "dir", mode: 0o755 },
    { path: "dir/odd", mode: 0o640, content: Buffer.from("abc") },
    { path: "dir/empty", mode: 0o600, content: Buffer.alloc(0) },
  ];
  const archive = cpioArchive(entries);
  expect(archive.length % 512).toBe(0);
  expect(cpioArchive(entries)).toEqual(archive);
  const directory = mkdtempSync(join(tmpdir(), "banger-cpio-"));
  try {
    execFileSync("cpio", ["--extract", "--quiet"], { cwd: directory, input: archive });
    expect(readFileSync(join(directory, "dir/odd"), "utf8")).toBe("abc");
    expect(statSync(join(directory, "dir/odd")).mode & 0o777).toBe(0o640);
    expect(statSync(join(directory, "dir/empty")).size).toBe(0);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

it("a VM's configuration has a line for each thing it is given", () => {
  const archive = guestConfigArchive({
    hostname: "web",
    network: {
      address: "10.77.0.2/24",
      gateway: "10.77.0.1",
      mac: "02:00:00:00:00:01",
      resolvers: ["1.1.1.1", "9.9.9.9"],
      search: ["example.org", "test"],
    },
    machineId: "0123456789ab4def8123456789abcdef",
    authorizedKeys: "ssh-ed25519 AAAA banger\n",
    hostKey: "private",
    hostKeyPub: "public",
    volumes: [
      { id: "00112233445566bb", path: "/home/ada/my data" },
      { id: "00112233445566aa", path: "/home" },
    ],
  }).toString("latin1");
  expect(archive).toContain(
    "hostname=web\naddress=10.77.0.2/24\ngateway=10.77.0.1\nresolver=1.1.1.1\nresolver=9.9.9.9\nsearch=example.org test\nmac=02:00:00:00:00:01\nmachine_id=0123456789ab4def8123456789abcdef\n" +
      "volume=00112233445566aa /home\nvolume=00112233445566bb /home/ada/my data\n",
  );
});
