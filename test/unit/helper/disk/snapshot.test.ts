import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { headerState, type HeaderState, mendHeader } from "../../../../src/helper/disk/snapshot-header.ts";
import { errorTable, readTable, snapshotTable } from "../../../../src/helper/disk/snapshot-table.ts";
import { snapshotFile } from "../../../../src/installation/snapshot-file.ts";

const mib = 2 ** 20;
const beneath = { image: "7:3", own: "7:4" };

describe("a disk's table", () => {
  it("is a snapshot of the image, then what is behind the image in the VM's own file", () => {
    expect(snapshotTable(64 * mib, { storeBytes: 80 * mib, tailBytes: 32 * mib }, beneath)).toEqual([
      { start: 0, length: 131_072, type: "snapshot", text: "7:3 7:4 PO 8 1 discard_zeroes_cow" },
      { start: 131_072, length: 65_536, type: "linear", text: "7:4 163840" },
    ]);
  });

  it("of a disk that ends with its image is the snapshot alone", () => {
    expect(snapshotTable(64 * mib, { storeBytes: 80 * mib, tailBytes: 0 }, beneath)).toHaveLength(1);
  });

  it("is read back as what it was made of; an interim one, and a foreign one, are none", () => {
    const table = snapshotTable(64 * mib, { storeBytes: 80 * mib, tailBytes: 32 * mib }, beneath);
    expect(readTable(table)).toEqual({ ...beneath, bytes: 96 * mib });
    expect(errorTable(table)).toEqual([{ start: 0, length: 196_608, type: "error", text: "" }]);
    for (const other of [[], errorTable(table), [{ start: 0, length: 8, type: "linear", text: "7:3 0" }]])
      expect(readTable(other)).toBeUndefined();
  });
});

describe("a disk's file", () => {
  it.each([512, 4096, mib, 370 * mib + 512, 100 * 1024 * mib])(
    "has room for a store that holds all of an image of %i bytes",
    (imageBytes) => {
      const { storeBytes } = snapshotFile(imageBytes, imageBytes);
      // As drivers/md/dm-snap-persistent.c gives out chunks: a header, and before each 256 of them one that says whose they are.
      const chunks = Math.ceil(imageBytes / 4096);
      let next = 2;
      if (chunks < 1e6) for (let n = 0; n < chunks; n++) if (++next % 257 === 1) next++;
      if (chunks >= 1e6) next += chunks + Math.ceil(chunks / 256);
      const areaAfter = 1 + 257 * (Math.ceil(chunks / 256) + 1);
      expect(storeBytes).toBeGreaterThanOrEqual((Math.max(next, areaAfter) + 1) * 4096);
      expect(storeBytes % mib).toBe(0);
      expect(storeBytes).toBeLessThan(imageBytes * 1.03 + 8 * mib);
    },
  );

  it("keeps what lies behind the image in its place, however it grows", () => {
    const [small, large] = [snapshotFile(64 * mib, 80 * mib), snapshotFile(64 * mib, 800 * mib)];
    expect([small.tailBytes, large.tailBytes]).toEqual([16 * mib, 736 * mib]);
    expect(large.storeBytes).toBe(small.storeBytes);
  });
});

describe("a store's header", () => {
  const header = (...words: number[]) => Buffer.from(new Uint32Array(words).buffer);
  const magic = 0x70416e53;
  const rows: [string, Buffer, HeaderState][] = [
    ["nothing yet", Buffer.alloc(16), "empty"],
    ["a store", header(magic, 1, 1, 8), "valid"],
    ["one that was given up", header(magic, 0, 1, 8), "invalid"],
    ["one of other chunks", header(magic, 1, 1, 16), "foreign"],
    ["one of another version", header(magic, 0, 2, 8), "foreign"],
    ["something else", Buffer.from("QFI\xfb____________", "latin1"), "foreign"],
  ];
  it.each(rows)("(%s) is told", (_, bytes, state) => expect(headerState(bytes, 8)).toBe(state));

  it.each(rows)("(%s) is mended where the kernel gave it up, and left alone otherwise", (_, bytes, state) => {
    const directory = mkdtempSync(join(tmpdir(), "banger-store-"));
    const path = join(directory, "store");
    const rest = Buffer.alloc(64, "rest");
    writeFileSync(path, Buffer.concat([bytes, rest]));
    const fd = openSync(path, "r+");
    try {
      expect(mendHeader(fd, 8)).toBe(state);
      const now = state === "invalid" ? header(magic, 1, 1, 8) : bytes;
      expect(readFileSync(path).equals(Buffer.concat([now, rest]))).toBe(true);
    } finally {
      closeSync(fd);
      rmSync(directory, { recursive: true });
    }
  });
});
