import { describe, expect, it } from "vitest";
import { streamBytes } from "../../../src/archive/byte-source.ts";
import { readTar, type TarMember } from "../../../src/archive/tar-reader.ts";
import { type Member, paxRecords, tarArchive } from "../../support/tar-archive.ts";

/** Reads an archive whose parts come one after the other. */
async function read(parts: Iterable<Buffer>) {
  async function* chunks() {
    yield* parts;
  }
  const members: TarMember[] = [];
  const end = await readTar(streamBytes(chunks()), (member) => void members.push(member));
  return { end, members };
}

const header = (type: string, data: Buffer): Member => ({ name: "pax", type, data });
const part = (member: Member) => tarArchive([member], Buffer.alloc(0));

describe("what extends a member's header", () => {
  it.each(["x", "g"])("is refused as %s where it goes on and on", async (type) => {
    let given = 0;
    function* endless() {
      for (; given < 1_000; given++) yield part(header(type, paxRecords({ [`key${given}`]: "v" })));
    }
    expect(await read(endless())).toMatchObject({ end: "no header", members: [] });
    expect(given).toBeLessThan(100);
  });

  it("may be all there is of it, before each member anew", async () => {
    const pax = { path: "long", uid: "7", "SCHILY.xattr.security.capability": "x", "FOO.bar": "x" };
    const one = [
      header("g", paxRecords({ gid: "8" })),
      header("K", Buffer.from("target")),
      header("L", Buffer.from("name")),
      { name: "a", type: "2", pax },
    ];
    const { end, members } = await read([tarArchive([...one, ...one, ...one, ...one, ...one])]);
    expect(end).toBe("complete");
    const member = { name: "long", link: "target", uid: 7, gid: 8, security: true, acl: false };
    expect(members).toMatchObject([member, member, member, member, member]);
  });

  it("costs no memory by keys that nobody reads, nor time for each member", async () => {
    const keys = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`key${index}`, "v"]));
    const globals = part(header("g", paxRecords(keys)));
    const plain = part({ name: "a" });
    function* archive() {
      yield globals;
      for (let index = 0; index < 1_000; index++) yield plain;
      yield Buffer.alloc(1024);
    }
    const began = performance.now();
    const { end, members } = await read(archive());
    expect({ end, count: members.length }).toEqual({ end: "complete", count: 1_000 });
    expect(performance.now() - began).toBeLessThan(3_000);
  });

  it("whose length has a million digits is passed over at once", async () => {
    const digits = Buffer.concat([Buffer.alloc(1_000_000, "0"), Buffer.from("2 ")]);
    const began = performance.now();
    const { members } = await read([tarArchive([header("x", digits), { name: "a" }])]);
    expect(members).toMatchObject([{ name: "a" }]);
    expect(performance.now() - began).toBeLessThan(3_000);
  });
});
