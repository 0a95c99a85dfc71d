import { DatabaseSync } from "node:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ContentRecords } from "../../../src/daemon/store/content-records.ts";
import { openDatabase } from "../../../src/daemon/store/database.ts";
import { migrations } from "../../../src/daemon/store/migrations.ts";
import type { Store } from "../../../src/daemon/store/store.ts";
import { asItRuns } from "../../../src/daemon/vm/as-it-runs.ts";
import { type StoredVm, VmRecords } from "../../../src/daemon/vm/vm-records.ts";
import { parseSubnet } from "../../../src/installation/install-file.ts";
import type { Image } from "../../../src/rpc/contract/image.ts";
import type { Kernel } from "../../../src/rpc/contract/kernel.ts";

let directory: string;
let database: Store;
let images: ContentRecords<Image>;
let vms: VmRecords;
let complaints: unknown[];
const at = "2026-01-01T00:00:00.000Z";
const hex = (digit: string) => digit.repeat(64);

beforeEach(() => {
  complaints = [];
  directory = mkdtempSync(join(tmpdir(), "banger-records-"));
  database = openDatabase(join(directory, "banger.db"));
  images = new ContentRecords<Image>(database, "images");
  images.insert({ id: hex("a"), name: "debian", size: 1, source: "test", created_at: at });
  new ContentRecords<Kernel>(database, "kernels").insert({
    id: hex("b"),
    name: "linux",
    release: "6.1",
    size: 1,
    least_memory_mib: 96,
    created_at: at,
  });
  vms = new VmRecords(
    database,
    () => new Date(at),
    (error) => complaints.push(error),
  );
});
afterEach(() => {
  expect(complaints).toEqual([]);
  database.close();
  rmSync(directory, { recursive: true });
});

const insertVm = (id: string, name: string, address: string) =>
  vms.insert({
    id,
    name,
    imageId: hex("a"),
    kernelId: hex("b"),
    vmm: "qemu",
    network: "nat",
    cpus: 1,
    memory_mib: 64,
    disk_mib: 64,
    address,
    mac: id,
  });

it("a VM is found by name, id or a unique prefix of either; a whole name wins over a prefix", () => {
  insertVm("0123456789abcdef", "web", "10.0.0.2");
  insertVm("01fedcba98765432", "web-two", "10.0.0.3");
  expect(vms.use("web").id).toBe("0123456789abcdef");
  expect(vms.use("web-").name).toBe("web-two");
  expect(vms.use("0123").name).toBe("web");
  expect(() => vms.use("01")).toThrow(expect.objectContaining({ code: "ambiguous" }) as Error);
  const details = { field: "vm", hint: "`banger vm ls` lists what there is." };
  expect(() => vms.use("x")).toThrow(expect.objectContaining({ code: "not_found", details }) as Error);
});

describe("of VMs in each state, of which a network changed while each ran", () => {
  const states = ["creating", "created", "starting", "running", "stopping", "stopped", "failed"] as const;
  beforeEach(() => {
    for (const [n, state] of states.entries()) {
      const id = `000000000000000${n}`;
      insertVm(id, `vm${n}`, `10.0.0.${n + 2}`);
      vms.update(id, { state, generation: n, stop_by: n === 4 ? at : null, waits: { network: "none" } });
    }
  });
  const names = (listed: readonly { readonly name: string }[]) => listed.map(({ name }) => name);

  it("the active ones are those that may hold something, as the list has them", () => {
    expect(names(vms.active())).toEqual(["vm2", "vm3", "vm4"]);
    expect(vms.active()).toEqual(vms.list().filter(({ name }) => names(vms.active()).includes(name)));
  });

  it("the outlines are of all, as each runs", () => {
    const outlineOf = ({ id, name, state, generation, stop_by, network }: StoredVm) => {
      return { id, name, state, generation, stop_by, network };
    };
    expect(vms.outlines()).toEqual(vms.list().map((vm) => outlineOf(asItRuns(vm))));
  });
});

it("addresses are the lowest free ones, until there are none", () => {
  const subnet = parseSubnet("10.0.0.0/29");
  for (let n = 0; n < 5; n++) insertVm(`000000000000000${n}`, `vm${n}`, vms.freeAddress(subnet));
  expect(vms.list().map((vm) => vm.address)).toEqual(["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"]);
  expect(() => vms.freeAddress(subnet)).toThrow(expect.objectContaining({ code: "no_space" }) as Error);
  vms.delete("0000000000000002");
  expect(vms.freeAddress(subnet)).toBe("10.0.0.4");
});

it("an image in use isn't removed, and the same content isn't kept twice", () => {
  insertVm("0123456789abcdef", "web", "10.0.0.2");
  expect(() => images.remove("debian")).toThrow(expect.objectContaining({ code: "in_use" }) as Error);
  expect(() => images.insert({ id: hex("a"), name: "other", size: 1, source: "test", created_at: at })).toThrow(
    /as debian/,
  );
  vms.delete("0123456789abcdef");
  expect(images.remove("debian").id).toBe(hex("a"));
});

it("the first image is the default until another one is made it; the last one that is left is it too", () => {
  const names = () => images.list().map(({ name, default: isDefault }) => `${name}${isDefault === true ? "*" : ""}`);
  const add = (digit: string, asDefault?: boolean) =>
    images.insert({ id: hex(digit), name: `i${digit}`, size: 1, source: "test", created_at: at }, asDefault);
  add("b");
  expect([names(), images.theDefault("").name]).toEqual([["debian*", "ib"], "debian"]);
  expect(add("c", true).default).toBe(true);
  expect(names()).toEqual(["debian", "ib", "ic*"]);
  expect(images.makeDefault("ib").name).toBe("ib");
  expect(names()).toEqual(["debian", "ib*", "ic"]);
  images.remove("ib");
  expect(() => images.theDefault("")).toThrow(/image: none of them is the default; .* `banger image default NAME`/);
  add("d");
  expect(names()).toEqual(["debian", "ic", "id"]);
  images.remove("debian");
  images.remove("id");
  expect(names()).toEqual(["ic*"]);
  images.remove("ic");
  expect(() => images.theDefault("banger image build debian")).toThrow(
    /there is none yet.*`banger image build debian`/,
  );
});

it("a store from before defaults has its newest ones as defaults", () => {
  const path = join(directory, "older.db");
  const older = new DatabaseSync(path);
  for (const statements of migrations.slice(0, 2)) older.exec(statements);
  const insert = older.prepare("INSERT INTO images (id, name, size, source, created_at) VALUES (?, ?, 1, 'x', ?)");
  for (const [digit, day] of [
    ["a", 1],
    ["b", 3],
    ["c", 2],
  ] as const)
    insert.run(hex(digit), `i${digit}`, `2026-01-0${day}`);
  older.exec("PRAGMA user_version = 2");
  older.close();
  const store = openDatabase(path);
  expect(new ContentRecords<Image>(store, "images").theDefault("").name).toBe("ib");
  store.close();
});

it("a database of a newer daemon is refused and left as it is", () => {
  database.prepare(`PRAGMA user_version = ${migrations.length + 1}`).run();
  database.close();
  expect(() => openDatabase(join(directory, "banger.db"))).toThrow(
    expect.objectContaining({ code: "bad_version" }) as Error,
  );
  {
    using untouched = new DatabaseSync(join(directory, "banger.db"));
    expect(untouched.prepare("SELECT count(*) AS n FROM images").get()).toEqual({ n: 1 });
    untouched.exec(`PRAGMA user_version = ${migrations.length}`);
    // Whoever looks into it keeps a daemon from starting, and is told of.
    expect(() => openDatabase(join(directory, "banger.db"))).toThrow(
      expect.objectContaining({
        code: "host_failed",
        message: expect.stringMatching(/another program/) as string,
      }) as Error,
    );
  }
  database = openDatabase(join(directory, "banger.db"));
});
