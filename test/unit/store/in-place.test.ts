import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "banger-in-place-"));
  mkdirSync(join(directory, "made"));
  writeFileSync(join(directory, "made/rootfs.ext4"), "a file system", { mode: 0o444 });
});
afterEach(() => rmSync(directory, { recursive: true }));

// Of the kernel's table for x86-64.
const fsync = 74;

/** Runs a program that has the module's functions, on a kernel that can't write a file to the disk. */
function withoutFsync(program: string): string {
  const module = resolve("src/daemon/store/in-place.ts");
  const whole = `const { settle, putInPlace } = await import("${module}"); ${program}`;
  const argv = ["test/support/without-syscall.ts", `${fsync}`, process.execPath, "--input-type=module", "-e", whole];
  return String(spawnSync(process.execPath, argv, { cwd: resolve("."), encoding: "utf8" }).stderr);
}

it("what can't be written to the disk hasn't settled", () => {
  expect(withoutFsync(`await settle("${directory}/made")`)).toContain("ENOSYS");
});

it("what can't be written to the disk is not recorded, and no half of it is left", () => {
  const [made, place, record] = ["made", "images/place", "record"].map((name) => join(directory, name));
  const program = `const { writeFileSync } = await import("node:fs");
    putInPlace("${made}", "${place}", () => writeFileSync("${record}", ""))`;
  expect(withoutFsync(program)).toContain("ENOSYS");
  expect(existsSync(record ?? "")).toBe(false);
  expect(readdirSync(join(directory, "images"))).toEqual([]);
});
