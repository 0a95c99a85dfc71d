import { z } from "zod";
import { amount, name, reference, timestamp, vmId } from "./fields.ts";
import { method } from "./method.ts";
import { byName, one } from "./vm-methods.ts";

const bytes = z.int().min(0);

/** What a running VM uses. What isn't known is null, and `unknown` says why. */
const vmStats = z.object({
  id: vmId,
  name,
  /** When it was looked at. */
  at: timestamp,
  /** How many virtual CPUs it has. */
  cpus: z.int(),
  /** The time that its VMM's process took of the host's CPUs: the guest's, and that of its devices. */
  cpu: z
    .object({
      /** Percent of one CPU, over the last `interval_ms`; null where it was looked at only once. */
      percent: z.number().min(0).nullable(),
      interval_ms: z.int().nullable(),
      /** Percent of one CPU, on average since its VMM was started. */
      mean_percent: z.number().min(0),
      /** Seconds since then. */
      used_s: z.number().min(0),
    })
    .nullable(),
  /** What its VMM has in the host's memory (proc(5), rss): whatever its guest ever touched, its file cache too. */
  host_memory_bytes: bytes.nullable(),
  /** The guest's memory as its own kernel counts it: all of it, and what can be had without swapping. */
  guest_memory: z.object({ total_bytes: bytes, available_bytes: bytes }).nullable(),
  /** What the guest read from its root disk and wrote to it since it was started. */
  disk: z.object({ read_bytes: bytes, written_bytes: bytes }).nullable(),
  /** What the guest was sent and sent itself since it was started. */
  network: z.object({ in_bytes: bytes, out_bytes: bytes }).nullable(),
  /** Why, by the field that is null. */
  unknown: z
    .partialRecord(z.enum(["cpu", "host_memory_bytes", "guest_memory", "disk", "network"]), z.string())
    .optional(),
});

/** What a running VM uses, as the wire has it. */
export type VmStats = z.output<typeof vmStats>;

/** A port on which something in a guest listens. */
const guestPort = z.object({
  protocol: z.enum(["tcp", "udp"]),
  /** `0.0.0.0` and `::` are all of the guest's. */
  address: z.string(),
  port: z.int(),
  /** Who has it open, as the guest's kernel calls it; null where nobody was found. */
  process: z.string().nullable(),
});

/** The methods that look at VMs while they run. */
export const statsContract = {
  vmStats: method({
    name: "vm.stats",
    // With `watch`, event `stats` tells them at once and then once an interval, as the result has them.
    summary: "Says what VMs use: CPU, memory, disk, network.",
    params: z.object({
      vm: z.array(reference).max(256).default([]).describe("name, id or a unique prefix; all that run, by default"),
      watch: z
        .boolean()
        .default(false)
        .describe("go on, and show it again each time, until Ctrl-C; on a terminal so by default"),
      interval_s: amount(1, 3600, "seconds").default(2).describe("how often, with --watch"),
    }),
    result: z.object({ vms: z.array(vmStats) }),
    errors: [...byName, "wrong_state"],
    traced: false,
  }),
  vmPorts: method({
    name: "vm.ports",
    summary: "Lists the ports on which a VM's guest listens.",
    params: one,
    result: z.object({
      ports: z.array(guestPort),
      /** True where there are more than these. */
      more: z.boolean(),
    }),
    errors: [...byName, "wrong_state", "guest_died", "helper_unavailable"],
    traced: false,
  }),
};
