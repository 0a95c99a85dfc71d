import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { driveSerial } from "../../../../src/daemon/vmm/firecracker/drive-serial.ts";

it("a disk's serial number is the place of its file, as Firecracker writes it", () => {
  const directory = mkdtempSync(join(tmpdir(), "banger-serial-"));
  try {
    const [file, link] = [join(directory, "disk"), join(directory, "link")];
    writeFileSync(file, "");
    symlinkSync(file, link);
    const [dev, ino] = execFileSync("stat", ["--format=%d %i", file], { encoding: "utf8" }).trim().split(" ");
    expect(driveSerial(file)).toBe(`${dev}0${ino}`.slice(0, 20));
    expect(driveSerial(link)).toBe(driveSerial(file));
    // A device has its own number in it.
    expect(driveSerial("/dev/null")).not.toBe(driveSerial("/dev/zero"));
  } finally {
    rmSync(directory, { recursive: true });
  }
});
