import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, it } from "vitest";
import { asOwner } from "../../../../src/setup/host/as-owner.ts";
import { fitStore, pruneStores, restoreStore, schemaOf } from "../../../../src/setup/install/store-copy.ts";
import { owner } from "../../../support/scripted-systemd.ts";

const identity = { ownerUid: owner.uid, ownerGid: owner.gid };

let state: string;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "banger-store-"));
  chmodSync(state, 0o700);
  if (process.getuid?.() === 0) chownSync(state, owner.uid, owner.gid);
});
afterEach(() => rmSync(state, { recursive: true }));

/** What a daemon does with its store: opens it, brings it to its schema, makes VMs with their directories. */
function daemon(schema: number, ...vms: string[]): void {
  asOwner(identity, () => {
    const database = new DatabaseSync(join(state, "banger.db"));
    database.exec("PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS vms (id TEXT PRIMARY KEY, name TEXT)");
    database.exec(`PRAGMA user_version = ${schema}`);
    for (const vm of vms) {
      database.prepare("INSERT INTO vms VALUES (?, ?)").run(`${vm}-id`, vm);
      mkdirSync(join(state, "vms", `${vm}-id`), { recursive: true });
    }
    database.close();
  });
}
const isThere = (vm: string) => existsSync(join(state, "vms", `${vm}-id`));

it("a newer version's first start leaves the store of before beside, and going back lays aside what was made since", () => {
  daemon(3, "web");
  expect(fitStore(state, identity, 4)).toBeUndefined();
  daemon(4, "since");
  expect(restoreStore(state, identity, 3)).toEqual({ names: ["since"], directory: join(state, "stores/4") });
  expect(schemaOf(state, identity)).toBe(3);
  expect([isThere("web"), isThere("since")]).toEqual([true, false]);
  expect(existsSync(join(state, "stores/4/vms/since-id"))).toBe(true);
  expect(statSync(join(state, "stores/4/banger.db")).uid).toBe(owner.uid);

  // And forward again, to what was laid aside.
  daemon(3, "meanwhile");
  expect(restoreStore(state, identity, 4)).toMatchObject({ names: ["meanwhile"] });
  expect([isThere("web"), isThere("since"), isThere("meanwhile")]).toEqual([true, true, false]);
  // Where the disk of a VM lies, all stays.
  pruneStores(state, identity, [5]);
  expect([existsSync(join(state, "stores/3")), existsSync(join(state, "stores/4"))]).toEqual([true, false]);
});

it("the same schema, and no store at all, are left alone", () => {
  expect(fitStore(state, identity, 4)).toBeUndefined();
  expect(restoreStore(state, identity, 4)).toBeUndefined();
  daemon(4, "web");
  fitStore(state, identity, 4);
  expect(existsSync(join(state, "stores"))).toBe(false);
});

it("a store that is too new is refused where none was kept that fits, and stays as it is", () => {
  daemon(4, "web");
  expect(() => fitStore(state, identity, 3)).toThrow("has schema 4, this version reads 3");
  daemon(4);
  fitStore(state, identity, 5);
  daemon(5, "since");
  // What an older one can read is found, whatever it is called.
  expect(fitStore(state, identity, 4)).toMatchObject({ names: ["since"] });
  expect(schemaOf(state, identity)).toBe(4);
});

it.skipIf(process.getuid?.() !== 0)("a link of the owner's leads root nowhere that the owner couldn't go", () => {
  daemon(3, "web");
  const roots = mkdtempSync(join(tmpdir(), "banger-roots-"));
  asOwner(identity, () => symlinkSync(roots, join(state, "stores")));
  expect(() => fitStore(state, identity, 4)).toThrow("EACCES");
  rmSync(roots, { recursive: true });
});
