import dnsPacket from "dns-packet";
import { describe, expect, it } from "vitest";
import { Authority } from "../../../src/daemon/network/names/authority.ts";
import { Zone } from "../../../src/daemon/network/names/zone.ts";

const running = new Map([
  ["web", "10.77.0.2"],
  ["db-2", "10.77.0.3"],
]);
const vms = {
  addressOf: (name: string) => running.get(name),
  nameAt: (address: string) => [...running].find(([, at]) => at === address)?.[0],
};
const authority = (subnet = "10.77.0.0/24", zone = "vm") => new Authority(new Zone({ zone, subnet, vms }));
const [fromHost, fromGuest] = [false, true];

type Type = "A" | "AAAA" | "PTR" | "SOA" | "NS" | "ANY" | "AXFR" | "TXT";
type Options = { klass?: "IN" | "CH"; additionals?: object[] };
function question(name: string, type: Type, { klass = "IN", additionals = [] }: Options = {}): Buffer {
  const packet = { type: "query", id: 77, flags: 0x100, questions: [{ name, type, class: klass }], additionals };
  return dnsPacket.encode(packet as dnsPacket.Packet);
}
const option = (more: object = {}) => ({
  name: ".",
  type: "OPT",
  udpPayloadSize: 4096,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  options: [],
  ...more,
});

/** What is said, as `CODE flags: answer / authority`. */
function says(answer: Buffer | undefined): string {
  if (answer === undefined) return "not ours";
  const { rcode, flag_aa, flag_ra, flag_rd, answers, authorities } = dnsPacket.decode(
    answer,
  ) as dnsPacket.DecodedPacket & { rcode: string };
  const texts = (records: dnsPacket.Answer[] = []) =>
    records
      .map(
        (record) =>
          `${record.name} ${record.type} ${"data" in record && typeof record.data === "string" ? record.data : "…"}`,
      )
      .join(", ");
  const flags = [flag_aa && "aa", flag_rd && "rd", flag_ra && "ra"].filter(Boolean).join(" ");
  return `${rcode} ${flags}: ${texts(answers)} / ${texts(authorities)}`;
}

describe("the server of VMs' names", () => {
  it.each<[string, Type, string]>([
    ["web.vm", "A", "NOERROR aa rd ra: web.vm A 10.77.0.2 / "],
    ["db-2.vm", "ANY", "NOERROR aa rd ra: db-2.vm A 10.77.0.3 / "],
    ["WeB.vM", "A", "NOERROR aa rd ra: WeB.vM A 10.77.0.2 / "],
    ["web.vm", "AAAA", "NOERROR aa rd ra:  / vm SOA …"],
    ["web.vm", "TXT", "NOERROR aa rd ra:  / vm SOA …"],
    ["gone.vm", "A", "NXDOMAIN aa rd ra:  / vm SOA …"],
    ["x.web.vm", "A", "NXDOMAIN aa rd ra:  / vm SOA …"],
    ["vm", "SOA", "NOERROR aa rd ra: vm SOA … / "],
    ["vm", "NS", "NOERROR aa rd ra: vm NS vm / "],
    ["vm", "A", "NOERROR aa rd ra: vm A 10.77.0.1 / "],
    ["vm", "AAAA", "NOERROR aa rd ra:  / vm SOA …"],
    ["vm", "AXFR", "REFUSED rd ra:  / "],
    ["2.0.77.10.in-addr.arpa", "PTR", "NOERROR aa rd ra: 2.0.77.10.in-addr.arpa PTR web.vm / "],
    ["1.0.77.10.in-addr.arpa", "PTR", "NOERROR aa rd ra: 1.0.77.10.in-addr.arpa PTR vm / "],
    ["9.0.77.10.in-addr.arpa", "PTR", "NXDOMAIN aa rd ra:  / 0.77.10.in-addr.arpa SOA …"],
    ["02.0.77.10.in-addr.arpa", "PTR", "NXDOMAIN aa rd ra:  / 0.77.10.in-addr.arpa SOA …"],
    ["0.77.10.in-addr.arpa", "NS", "NOERROR aa rd ra: 0.77.10.in-addr.arpa NS vm / "],
    ["2.1.77.10.in-addr.arpa", "PTR", "not ours"],
    ["web.vm.example", "A", "not ours"],
    ["example.vmm", "A", "not ours"],
    ["xvm", "A", "not ours"],
    [".", "NS", "not ours"],
  ])("says of %s %s: %s", (name, type, said) => {
    expect(says(authority().answer(question(name, type), fromGuest))).toBe(said);
  });

  it("follows the VMs at once", () => {
    const server = authority();
    const ask = () => says(server.answer(question("new.vm", "A"), fromGuest));
    expect(ask()).toContain("NXDOMAIN");
    running.set("new", "10.77.0.4");
    expect(ask()).toContain("new.vm A 10.77.0.4");
    running.delete("new");
    expect(ask()).toContain("NXDOMAIN");
  });

  it.each([
    ["10.77.0.0/16", "0.77.10.in-addr.arpa", "NOERROR aa rd ra:  / 77.10.in-addr.arpa SOA …"],
    ["10.77.0.0/16", "2.0.77.10.in-addr.arpa", "web.vm"],
    ["10.77.0.0/16", "2.300.77.10.in-addr.arpa", "NXDOMAIN"],
    ["10.77.0.0/29", "2.0.77.10.in-addr.arpa", "web.vm"],
    ["10.77.0.0/29", "9.0.77.10.in-addr.arpa", "not ours"],
    ["10.77.0.0/29", "0.77.10.in-addr.arpa", "not ours"],
    ["10.76.0.0/16", "2.0.77.10.in-addr.arpa", "not ours"],
  ])("of the subnet %s says of %s: %s", (subnet, name, said) => {
    expect(says(authority(subnet).answer(question(name, "PTR"), fromGuest))).toContain(said);
  });

  it("has a zone of several labels", () => {
    const server = authority("10.77.0.0/24", "vm.example.org");
    expect(says(server.answer(question("web.vm.example.org", "A"), fromGuest))).toContain("A 10.77.0.2");
    expect(says(server.answer(question("example.org", "A"), fromGuest))).toBe("not ours");
  });

  it("answers another class and what the host asks of others with REFUSED, and promises the host no recursion", () => {
    expect(says(authority().answer(question("web.vm", "TXT", { klass: "CH" }), fromGuest))).toBe("REFUSED rd ra:  / ");
    expect(says(authority().refuse(question("example.org", "A")))).toBe("REFUSED rd:  / ");
    expect(says(authority().answer(question("web.vm", "A"), fromHost))).toBe("NOERROR aa rd: web.vm A 10.77.0.2 / ");
  });

  const edns = (answer: Buffer | undefined) => dnsPacket.decode(answer ?? Buffer.alloc(0)).additionals;
  it("speaks EDNS with who does, of version 0", () => {
    const ask = (more: object[]) => authority().answer(question("web.vm", "A", { additionals: more }), fromGuest);
    expect(edns(ask([]))).toEqual([]);
    expect(edns(ask([option({ flags: 0x8000 })]))).toMatchObject([
      { type: "OPT", udpPayloadSize: 1232, extendedRcode: 0, flags: 0x8000 },
    ]);
    expect(edns(ask([option({ ednsVersion: 1 })]))).toMatchObject([{ ednsVersion: 0, extendedRcode: 1 }]);
    expect(says(ask([option(), option()]))).toMatch(/^FORMERR/);
  });

  it("has no answer that a datagram doesn't hold", () => {
    const zone = `${"a".repeat(31)}.${"b".repeat(31)}`;
    const long = `${["c", "d", "e"].map((letter) => letter.repeat(61)).join(".")}.fff.${zone}`;
    const answer = authority("10.77.0.0/24", zone).answer(question(long, "A", { additionals: [option()] }), fromGuest);
    expect(says(answer)).toMatch(/^NXDOMAIN.*SOA/);
    expect(answer?.length).toBeLessThanOrEqual(512);
  });

  it("takes a dot within a label for no dot", () => {
    const asked = Buffer.concat([question("x", "A").subarray(0, 12), Buffer.from("\u0006web.vm\0\0\u0001\0\u0001")]);
    expect(authority().answer(asked, fromGuest)).toBeUndefined();
  });
});
