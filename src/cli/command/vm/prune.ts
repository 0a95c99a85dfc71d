import type { Result } from "../../command.ts";
import { command } from "../../command.ts";
import { BangerError } from "../../../rpc/contract/errors.ts";
import { table } from "../../output/table.ts";
import { age, shortId, size } from "../../output/units.ts";

/** `vm prune`: shows what it would delete, and asks; what has come to be unused meanwhile stays. */
export const vmPrune = command({
  noun: "vm",
  verb: "prune",
  method: "vmPrune",
  positionals: [],
  short: { force: "f" },
  examples: ["banger vm prune", "banger vm prune --older 24h --label ci --force", "banger vm prune --dry-run --json"],
  run: async ({ call, print, note, ask, quiet }, { force = false, ...params }) => {
    if (params.dry_run === true)
      return print(await call("vmPrune", params), (found) => listOf(found, "would be freed"));
    let { only } = params;
    if (!force) {
      const found = await call("vmPrune", { ...params, dry_run: true });
      if (found.vms.length === 0) return print(found, () => (quiet ? "" : listOf(found, "")));
      const question = `${listOf(found, "would be freed")}Delete ${found.vms.length === 1 ? "this VM" : `these ${found.vms.length} VMs`}, with all that is on their disks?`;
      const answer = ask(question).catch((error: unknown) => {
        throw error instanceof BangerError && error.code === "cancelled"
          ? new BangerError("cancelled", "vm prune: left before it was answered; nothing is deleted")
          : error;
      });
      if (!(await answer)) return note("nothing is deleted");
      only = found.vms.map(({ id }) => id);
    }
    const done = await call("vmPrune", { ...params, force: true, ...(only === undefined ? {} : { only }) });
    await print(done, () => (quiet ? "" : listOf(done, "freed")));
    const [failed] = done.vms.filter(({ error }) => error !== undefined);
    if (failed !== undefined) throw new BangerError("busy", `vm prune: ${failed.name}: ${failed.error}`);
  },
});

function listOf({ vms, freed_mib: freed }: Result<"vmPrune">, what: string): string {
  const rows = vms.map((vm) => [
    vm.name,
    shortId(vm.id),
    vm.state,
    age(vm.last_used_at),
    size(vm.disk_used_mib * 1024 * 1024),
    vm.error === undefined ? workDiskText(vm.work_disk) : `not deleted: ${vm.error}`,
  ]);
  const list = table(["NAME", "ID", "STATE", "LAST USED", "ON DISK", ""], rows, "no VMs that are not used");
  return vms.length === 0 ? list : `${list}${size(freed * 1024 * 1024)} ${what}\n`;
}

/** Of what stays, and of what goes with the VM though it would be dear to somebody. */
function workDiskText(disk: Result<"vmPrune">["vms"][number]["work_disk"]): string {
  if (disk === undefined) return "";
  return disk.kept ? `its work disk stays, as volume ${disk.name}` : "with its work disk";
}
