import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { qcow2 } from "../../../src/daemon/disk/qcow2.ts";
import { qcow2Size } from "../../../src/daemon/disk/qcow2-header.ts";
import { createRunner } from "../../../src/daemon/process/run.ts";
import { Spans } from "../../../src/telemetry/spans.ts";
import { startTracer } from "../../../src/telemetry/tracer.ts";

const mib = 1024 * 1024;
const disks = qcow2({ run: createRunner({ spans: new Spans(startTracer("test", () => undefined)) }) });
const { signal } = new AbortController();
let directory: string;
let image: string;
let disk: string;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "banger disk, "));
  image = join(directory, "root.ext4");
  disk = join(directory, "root.qcow2");
  writeFileSync(image, "");
  truncateSync(image, 64 * mib);
  await disks.create({ image, disk, sizeMib: 64, signal });
});
afterEach(() => rmSync(directory, { recursive: true }));

/** What a VMM that was taken over could write. */
function writeHeader(at: number, bytes: Buffer): void {
  const fd = openSync(disk, "r+");
  writeSync(fd, bytes, 0, bytes.length, at);
  closeSync(fd);
}

describe("a qcow2 disk", () => {
  it("takes next to nothing, whatever its size", async () => {
    await disks.create({ image, disk, sizeMib: 1024 * 1024, signal });
    expect(qcow2Size(disk)).toBe(1024 * 1024 * mib);
    expect(await disks.usage({ disk })).toBeLessThanOrEqual(1);
  });

  it("smaller than its image is refused with the least", async () => {
    await expect(disks.create({ image, disk, sizeMib: 63, signal })).rejects.toMatchObject({
      code: "bad_params",
      details: { field: "disk_mib", least: 64 },
    });
  });

  it("is grown when the record says more, and never shrunk", async () => {
    await disks.attach({ disk, sizeMib: 128, signal });
    expect(qcow2Size(disk)).toBe(128 * mib);
    await disks.attach({ disk, sizeMib: 64, signal });
    expect(qcow2Size(disk)).toBe(128 * mib);
    execFileSync("qemu-img", ["check", "-q", disk]);
  });

  it("whose header names another backing file is grown without opening that", async () => {
    const secret = join(directory, "secret");
    writeFileSync(secret, "");
    const fifo = join(directory, "a");
    execFileSync("mkfifo", [fifo]);
    // Opening a FIFO would never return.
    execFileSync("qemu-img", ["rebase", "-u", "-f", "qcow2", "-b", fifo, "-F", "raw", disk]);
    await disks.grow({ disk, sizeMib: 128, signal });
    expect(qcow2Size(disk)).toBe(128 * mib);
  });

  it.each<[string, number, Buffer]>([
    ["names another file for its data", 72, Buffer.from([0, 0, 0, 0, 0, 0, 0, 4])],
    ["is of another version", 4, Buffer.from([0, 0, 0, 2])],
    ["is none", 0, Buffer.from("#!/bin/sh")],
    ["tells an absurd size", 24, Buffer.alloc(8, 0xff)],
  ])("whose header %s is not attached", async (_, at, bytes) => {
    writeHeader(at, bytes);
    await expect(disks.attach({ disk, sizeMib: 64, signal })).rejects.toMatchObject({ code: "bad_content" });
  });
});
