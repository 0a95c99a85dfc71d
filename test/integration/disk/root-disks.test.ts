import { execFileSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { qcow2Size } from "../../../src/daemon/disk/qcow2-header.ts";
import { createRootDisks, type RootDisks } from "../../../src/daemon/disk/root-disks.ts";
import type { HelperLink } from "../../../src/daemon/helper/helper-link.ts";
import { createRunner } from "../../../src/daemon/process/run.ts";
import { type Layout, layoutOf } from "../../../src/installation/layout.ts";
import { snapshotFile } from "../../../src/installation/snapshot-file.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import type { DiskKind } from "../../../src/rpc/contract/disk-kind.ts";
import { Spans } from "../../../src/telemetry/spans.ts";
import { startTracer } from "../../../src/telemetry/tracer.ts";

const mib = 1024 * 1024;
const id = "0123456789abcdef";
const run = createRunner({ spans: new Spans(startTracer("test", () => undefined)) });
const { signal } = new AbortController();
/** What the helper says of device-mapper. */
let answer: () => Promise<{ usable: boolean; why: string }>;
const helper = { call: async () => answer() } as unknown as Pick<HelperLink, "call">;
let directory: string;
let image: string;
let layout: Layout;
let disks: RootDisks;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "banger disk, "));
  layout = layoutOf({
    id: "5eed0002",
    ownerUid: 1,
    ownerGid: 1,
    stateDir: directory,
    runDir: directory,
    helperRunDir: directory,
    subnet: "10.77.0.0/24",
    uidFirst: 2,
    uidCount: 1,
    resolvers: [],
    zone: "vm",
  });
  image = layout.image("a".repeat(64));
  mkdirSync(dirname(image), { recursive: true });
  mkdirSync(layout.vm(id).directory, { recursive: true });
  // Content, and a hole behind it.
  writeFileSync(image, Buffer.alloc(mib, "content"));
  truncateSync(image, 64 * mib);
  disks = createRootDisks({ layout, run, helper });
});
afterEach(() => rmSync(directory, { recursive: true }));

const create = (kind: DiskKind | "auto", sizeMib = 64) => disks.create({ id, image, kind, sizeMib, signal });
const vm = (disk_kind: DiskKind) => ({ id, disk_kind, image: { id: "a".repeat(64) } });

describe("a qcow2 disk", () => {
  let disk: string;
  beforeEach(async () => {
    disk = layout.vm(id).rootDisk.qcow2;
    await create("qcow2");
  });
  const atLeast = (sizeMib: number) => disks.atLeast(vm("qcow2"), sizeMib, signal);

  it("takes next to nothing, whatever its size", async () => {
    expect(await create("qcow2", 1024 * 1024)).toEqual({ kind: "qcow2", why: "it was asked for" });
    expect(qcow2Size(disk)).toBe(1024 * 1024 * mib);
    expect((await disks.space(vm("qcow2")))?.own).toBeLessThanOrEqual(mib);
  });

  it("is grown when the record says more, and never shrunk", async () => {
    await atLeast(128);
    expect(qcow2Size(disk)).toBe(128 * mib);
    await atLeast(64);
    expect(qcow2Size(disk)).toBe(128 * mib);
    execFileSync("qemu-img", ["check", "-q", disk]);
  });

  it("whose header names another backing file is grown without opening that", async () => {
    const fifo = join(directory, "a");
    execFileSync("mkfifo", [fifo]);
    // Opening a FIFO would never return.
    execFileSync("qemu-img", ["rebase", "-u", "-f", "qcow2", "-b", fifo, "-F", "raw", disk]);
    await atLeast(128);
    expect(qcow2Size(disk)).toBe(128 * mib);
  });

  // What a VMM that was taken over could write.
  it.each<[string, number, Buffer]>([
    ["names another file for its data", 72, Buffer.from([0, 0, 0, 0, 0, 0, 0, 4])],
    ["is of another version", 4, Buffer.from([0, 0, 0, 2])],
    ["is none", 0, Buffer.from("#!/bin/sh")],
    ["tells an absurd size", 24, Buffer.alloc(8, 0xff)],
  ])("whose header %s is not attached", async (_, at, bytes) => {
    const fd = openSync(disk, "r+");
    writeSync(fd, bytes, 0, bytes.length, at);
    closeSync(fd);
    await expect(atLeast(64)).rejects.toMatchObject({ code: "bad_content" });
  });
});

describe("a copy", () => {
  it("has the image's bytes and holes, is its owner's alone, and is made only when it is asked for", async () => {
    expect(await create("copy", 128)).toEqual({ kind: "copy", why: "it was asked for" });
    const { raw } = layout.vm(id).rootDisk;
    expect(statSync(raw)).toMatchObject({ size: 128 * mib, mode: 0o100600 });
    expect(readFileSync(raw).subarray(0, mib).equals(Buffer.alloc(mib, "content"))).toBe(true);
    expect(statSync(raw).blocks * 512).toBeLessThan(2 * mib);
    await disks.atLeast(vm("copy"), 256, signal);
    expect(statSync(raw)).toMatchObject({ size: 256 * mib });
  });

  it("that its VMM filled with a qcow2 header is no overlay", async () => {
    await create("copy");
    const { raw } = layout.vm(id).rootDisk;
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-b", "/etc/passwd", "-F", "raw", raw, "1M"]);
    await disks.atLeast(vm("copy"), 64, signal);
    expect(statSync(raw).size).toBe(64 * mib);
  });
});

describe("a disk of kind dm-snapshot", () => {
  const tail = 16 * mib;
  const { storeBytes } = snapshotFile(64 * mib, 64 * mib);
  beforeEach(() => {
    answer = async () => ({ usable: true, why: "it is scripted" });
  });

  it("is a hole, its owner's alone, with room for all of the image, and grows behind that", async () => {
    expect(await create("dm-snapshot", 80)).toEqual({ kind: "dm-snapshot", why: "it was asked for" });
    const { snapshot } = layout.vm(id).rootDisk;
    expect(statSync(snapshot)).toMatchObject({ size: storeBytes + tail, mode: 0o100600, blocks: 0 });
    expect(storeBytes).toBeGreaterThan(64 * mib);
    await disks.atLeast(vm("dm-snapshot"), 80, signal);
    await disks.atLeast(vm("dm-snapshot"), 64, signal);
    expect(statSync(snapshot).size).toBe(storeBytes + tail);
    await disks.atLeast(vm("dm-snapshot"), 96, signal);
    expect(statSync(snapshot).size).toBe(storeBytes + 2 * tail);
    expect(await disks.space(vm("dm-snapshot"))).toMatchObject({ own: 0 });
  });

  it.each<[string, () => Promise<never> | Promise<{ usable: boolean; why: string }>, RegExp]>([
    [
      "whose kernel lacks it",
      async () => ({ usable: false, why: "no modules" }),
      /no dm-snapshot on this host: no modules/,
    ],
    [
      "whose helper is older",
      async () => Promise.reject(new BangerError("unknown_method", "disk.probe")),
      /the helper is older than the daemon/,
    ],
  ])("is refused by name on a host %s, and nothing is made", async (_, says, why) => {
    answer = says;
    await expect(create("dm-snapshot")).rejects.toMatchObject({
      code: "host_failed",
      message: expect.stringMatching(why) as string,
      details: { field: "disk_kind", hint: expect.stringContaining("--disk-kind") as string },
    });
    expect(existsSync(layout.vm(id).rootDisk.snapshot)).toBe(false);
  });
});

describe("a disk of any kind", () => {
  it.each(["auto", "copy", "qcow2", "reflink"] as const)(
    "(%s) smaller than its image is refused with the least",
    async (kind) => {
      await expect(create(kind, 63)).rejects.toMatchObject({
        code: "bad_params",
        details: { field: "disk_mib", least: 64 },
      });
    },
  );

  it("is removed, whatever it is, once or twice", async () => {
    await create("copy");
    await create("qcow2");
    for (let n = 0; n < 2; n++) await disks.remove(id);
    expect(Object.values(layout.vm(id).rootDisk).filter(existsSync)).toEqual([]);
  });
});
