import type { VmStats } from "../../../rpc/contract/stats.ts";
import { printableLine } from "../../../rpc/printable.ts";
import { command } from "../../command.ts";
import { table } from "../../output/table.ts";
import { size } from "../../output/units.ts";
import { watch } from "../../watch.ts";

/** `vm stats`; in place on a terminal, unless --no-watch or --json is said, else once. */
export const vmStats = command({
  noun: "vm",
  verb: "stats",
  method: "vmStats",
  positionals: ["vm"],
  short: { watch: "w" },
  examples: [
    "banger vm stats",
    "banger vm stats --no-watch web db",
    "banger vm stats --json web",
    "banger vm stats -w --json --interval 10s",
  ],
  run: async (context, params) => {
    const { json, terminal } = context;
    const show = ({ vms }: { readonly vms: readonly VmStats[] }) => statsTable(vms);
    if (params.watch ?? (terminal.interactive && !json)) {
      const read = (data: unknown) => data as { vms: readonly VmStats[] };
      return watch(context, { method: "vmStats", params: { ...params, watch: true }, event: "stats", read, show });
    }
    await context.print(await context.call("vmStats", params), show);
    return 0;
  },
});

/** What VMs use as a table, and below it why something isn't known. */
function statsTable(vms: readonly VmStats[]): string {
  const rows = table(
    ["NAME", "CPU", "MEAN", "ON HOST", "IN GUEST", "DISK READ", "WRITTEN", "NET IN", "OUT"],
    vms.map(({ name, cpu, host_memory_bytes: host, guest_memory: guest, disk, network }) => [
      name,
      percentText(cpu?.percent),
      percentText(cpu?.mean_percent),
      sizeText(host),
      guest === null ? "-" : `${size(guest.total_bytes - guest.available_bytes)} of ${size(guest.total_bytes)}`,
      sizeText(disk?.read_bytes),
      sizeText(disk?.written_bytes),
      sizeText(network?.in_bytes),
      sizeText(network?.out_bytes),
    ]),
    "no VM runs; `banger vm start` starts one",
  );
  const reasons = reasonsOf(vms).map(([why, names]) => printableLine(`${names.join(", ")}: ${why}`));
  return reasons.length === 0 ? rows : `${rows}\n${reasons.join("\n")}\n`;
}

/** Each reason once, and whom it concerns. */
function reasonsOf(vms: readonly VmStats[]): [why: string, names: readonly string[]][] {
  const byReason = new Map<string, string[]>();
  for (const { name, unknown = {} } of vms) {
    for (const why of new Set(Object.values(unknown))) byReason.set(why, [...(byReason.get(why) ?? []), name]);
  }
  return [...byReason];
}

function percentText(percent: number | null | undefined): string {
  return percent === null || percent === undefined ? "-" : `${percent.toFixed(1)}%`;
}

function sizeText(bytes: number | null | undefined): string {
  return bytes === null || bytes === undefined ? "-" : size(bytes);
}
