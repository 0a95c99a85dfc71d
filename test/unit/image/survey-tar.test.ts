import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { recognise } from "../../../src/daemon/image/recognise.ts";
import { openSource } from "../../../src/daemon/image/source.ts";
import { surveyTar } from "../../../src/daemon/image/survey-tar.ts";
import { TarSurvey } from "../../../src/daemon/image/tar-survey.ts";
import { createRunner } from "../../../src/daemon/process/run.ts";
import { Spans } from "../../../src/telemetry/spans.ts";
import { startTracer } from "../../../src/telemetry/tracer.ts";
import { type Member, tarArchive } from "../../support/tar-archive.ts";

const run = createRunner({ spans: new Spans(startTracer("test", () => undefined)) });
const { signal } = new AbortController();
let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "banger-survey-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

const usr: Member = { name: "usr/", type: "5" };

/** Surveys bytes as an import does. */
async function survey(bytes: Buffer, limitMib = 64) {
  const path = join(directory, "root.tar");
  writeFileSync(path, bytes);
  const source = await openSource(path, run, signal);
  const format = recognise(source.head);
  return surveyTar(source, format.kind === "compressed" ? format.program : undefined, limitMib, { run, signal });
}

describe("an archive", () => {
  it.each<[string, Member[], Record<string, unknown>]>([
    ["of a tree", [{ name: "./" }, { name: "./usr/bin/a", data: "x" }], { root: "", bytes: 4096, joined: false }],
    ["with absolute names", [{ name: "/usr/bin/a" }], { root: "" }],
    [
      "with one directory on top",
      [{ name: "rootfs/usr/a" }, { name: "list.txt" }],
      { root: "rootfs", beside: ["list.txt"] },
    ],
    [
      "with one directory on top, spelt in two ways, a device beside it and much more",
      [
        { name: "./rootfs/usr/a" },
        { name: "rootfs/bin" },
        { name: "other/null", type: "3" },
        ...Array.from({ length: 11 }, (_, index) => ({ name: `list-${index}` })),
      ],
      {
        root: "rootfs",
        spelt: ["./rootfs", "rootfs"],
        devices: [],
        beside: ["other", ...Array.from({ length: 9 }, (_, index) => `list-${index}`), "2 more"],
      },
    ],
    ["of a high owner", [{ name: "usr/a", uid: 70_000 }], { highestId: 70_000 }],
    [
      "of an owner that only PAX can tell",
      [{ name: "usr/a", pax: { uid: "3000000", path: "usr/b" } }],
      { highestId: 3_000_000 },
    ],
    [
      "with devices",
      [usr, { name: "dev/null", type: "3" }, { name: "srv/dev/null", type: "3" }],
      { devices: ["srv/dev/null"] },
    ],
    [
      "with a link within",
      [usr, { name: "lib", type: "2", link: "usr/lib" }, { name: "lib/a", data: "x" }],
      { root: "" },
    ],
    [
      "with a link and then a directory of that name",
      [usr, { name: "x", type: "2", link: "/" }, { name: "x", type: "5" }, { name: "x/a" }],
      { root: "" },
    ],
    [
      "with a link out of the tree and then one within of that name",
      [usr, { name: "x", type: "2", link: "/" }, { name: "x", type: "2", link: "usr" }, { name: "x/a" }],
      { root: "" },
    ],
    ["with a name that is not UTF-8", [usr, { name: Buffer.from([0x61, 0xff]) }], { root: "" }],
  ])("%s is known", async (_, members, facts) => {
    expect(await survey(tarArchive(members))).toMatchObject(facts);
  });

  it.each<[string, Member[], RegExp]>([
    ["of nothing but its top", [{ name: "./", type: "5" }], /an archive of nothing/],
    ["whose member leads out", [usr, { name: "../a" }], /leads out of it/],
    [
      "that writes through a link out of the tree",
      [usr, { name: "x", type: "2", link: "/etc" }, { name: "x/a" }],
      /"?x\/a"? below x, which it makes a link to \/etc/,
    ],
    ["that writes through a link to above", [usr, { name: "x", type: "2", link: "../y" }, { name: "x/a" }], /below x/],
    [
      "with a name that is too long",
      [usr, { name: "a", pax: { path: `usr/${"n".repeat(256)}` } }],
      /longer than ext4 allows/,
    ],
    ["that is a layer", [usr, { name: "usr/.wh.gone" }], /a layer of a container image.*docker export/],
    ["of a container image", [{ name: "oci-layout" }, { name: "blobs/", type: "5" }], /in layers.*docker export/],
    ["saved by docker", [{ name: "manifest.json" }, { name: "abc/layer.tar" }], /in layers/],
    ["of something else", [{ name: "hostname" }], /neither bin, sbin nor usr at its top; pack/],
    ["of two trees", [{ name: "a/usr/x" }, { name: "b/usr/x" }], /a and b each look like one/],
    ["of an impossible owner", [{ name: "usr/a", pax: { uid: "99999999999" } }], /an owner that Linux doesn't have/],
    ["of several volumes", [{ name: "usr/a", type: "M" }], /several volumes/],
  ])("%s is refused", async (_, members, message) => {
    await expect(survey(tarArchive(members))).rejects.toMatchObject({
      code: "bad_content",
      plain: expect.stringMatching(message) as string,
    });
  });

  it("of deep members is read in the time of a flat one's", async () => {
    const deep = { path: `usr/${"a/".repeat(1_950)}b` };
    const members = Array.from({ length: 400 }, () => ({ name: "a", pax: deep }));
    const began = performance.now();
    await survey(tarArchive([usr, { name: "usr/a/b/c", type: "2", link: "/" }, ...members]));
    expect(performance.now() - began).toBeLessThan(3_000);
  });

  it.each<[string, Partial<Member>]>([
    ["links that lead out of it", { type: "2", link: "/" }],
    ["names at its top", {}],
  ])("of more %s than can be kept is refused before they fill the daemon's memory", (_, more) => {
    const { type = "0", link = "" } = more;
    const tar = new TarSurvey("root.tar");
    const rest = { link, type, size: 0, uid: 0, gid: 0, mode: 0o644, mtime: 0, acl: false, security: false };
    const takeAll = () => {
      for (let index = 0; index < 1_000_000; index++) tar.take({ ...rest, name: `${index}` });
    };
    expect(takeAll).toThrow(/has more names at its top, and links that lead out of it/);
  });

  it("of nothing but zeros is left when its import is cancelled", async () => {
    const path = join(directory, "zeros.tar");
    writeFileSync(path, tarArchive([usr]));
    truncateSync(path, 2 ** 40);
    const cancelled = AbortSignal.timeout(100);
    const surveying = surveyTar(await openSource(path, run, signal), undefined, 64, { run, signal: cancelled });
    await expect(surveying).rejects.toMatchObject({ name: "TimeoutError" });
  });

  it("that is cut off between its blocks or within is truncated; garbage where a header should be is damage", async () => {
    const whole = tarArchive([usr, { name: "usr/a", data: Buffer.alloc(5000, 1) }]);
    for (const length of [1024, 3000, 512 * 12 - 1]) {
      await expect(survey(whole.subarray(0, length))).rejects.toThrow(/is truncated/);
    }
    await expect(survey(tarArchive([usr], Buffer.alloc(512, 7)))).rejects.toThrow(/is damaged/);
  });

  it("behind another's end belongs to it", async () => {
    const two = Buffer.concat([tarArchive([usr]), tarArchive([{ name: "usr/b", uid: 9 }])]);
    expect(await survey(two)).toMatchObject({ joined: true, highestId: 9 });
  });
});

describe("what is compressed", () => {
  const whole = tarArchive([
    usr,
    { name: "usr/a", data: Buffer.from(Array.from({ length: 9000 }, (_, n) => (n * n) % 251)) },
  ]);
  const pack = (program: string, bytes = whole) => execFileSync(program, ["-c"], { input: bytes });

  it.each(["gzip", "xz", "bzip2", "zstd", "lz4"])(
    "%s: whole, in two streams, truncated, with garbage behind",
    async (program) => {
      const packed = pack(program);
      expect(await survey(packed)).toMatchObject({ root: "" });
      const streams = Buffer.concat([pack(program, whole.subarray(0, 5000)), pack(program, whole.subarray(5000))]);
      expect(await survey(streams)).toMatchObject({ root: "" });
      await expect(survey(packed.subarray(0, packed.length - 20))).rejects.toThrow(/is truncated/);
      const more = survey(Buffer.concat([packed, Buffer.from("something else")]));
      // bzip2 passes over it, and all of the archive was there.
      if (program === "bzip2") expect(await more).toMatchObject({ root: "" });
      else await expect(more).rejects.toThrow(/something behind the end of its/);
    },
  );

  it("zstd with a window of 2 GiB is unpacked", async () => {
    const wide = execFileSync("zstd", ["-c", "--ultra", "-1", "--long=31"], { input: whole });
    expect(await survey(wide)).toMatchObject({ root: "" });
  });

  it("and no archive is said to be what it is", async () => {
    const disk = Buffer.alloc(80 * 1024);
    disk.writeUInt16LE(0xef53, 1080);
    await expect(survey(pack("gzip", disk))).rejects.toThrow(
      /holds, unpacked, an ext4 file system; unpack it first: gzip -dc/,
    );
    await expect(survey(pack("gzip", Buffer.from("hello\n")))).rejects.toMatchObject({ code: "bad_content" });
  });

  it("and would unpack to more than fits is left at its header", async () => {
    const bomb = tarArchive([usr, { name: "usr/a", size: 0o77777777777, data: Buffer.alloc(1 << 20) }]);
    await expect(survey(pack("gzip", bomb), 2048)).rejects.toMatchObject({
      code: "bad_params",
      plain: expect.stringMatching(/2048 MiB are too few.*more than 8192/) as string,
    });
  });
});
