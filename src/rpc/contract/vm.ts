import { z } from "zod";
import { diskKind } from "./disk-kind.ts";
import { accelKind, accelWish, vmmKind, vmmWish } from "./vmm-kind.ts";
import { digest, ipv4, mac, name, timestamp, vmId, volumeId } from "./fields.ts";

/** Where a VM is in its life; `src/daemon/vm/state.ts` has the diagram. */
export const vmState = z.enum(["creating", "created", "starting", "running", "stopping", "stopped", "failed"]);

/** How a VM's last run ended. */
const vmExit = z.object({
  /** `shutdown`: the guest powered itself off. `reset`: it rebooted. `panic`: its kernel panicked. `killed`: banger ended it. `exited`: the VMM ended by itself. */
  how: z.enum(["shutdown", "reset", "panic", "killed", "exited", "unknown"]),
  /** The VMM's exit status, or the number of the signal that ended it; both null when nobody saw it. */
  status: z.int().nullable(),
  signal: z.int().nullable(),
  at: timestamp,
  /** True where the host's kernel killed the VMM because there was no memory left. */
  out_of_memory: z.boolean().optional(),
  /** `unit`: systemd ended the VM's unit, as when the host shuts down, and the guest was asked to go for that. */
  asked_by: z.enum(["unit"]).optional(),
});

/** What a guest's network reaches: nothing, as it has none; the host's bridge and no further; or, through NAT, what the host does. */
export const networkMode = z.enum(["nat", "isolated", "none"]);

/** What becomes of a VM whose guest reboots. */
export const onReboot = z.enum(["restart", "stop"]);

/** A virtual machine. What First light's daemon didn't say is optional. */
export const vm = z.object({
  id: vmId,
  name,
  state: vmState,
  image: z.object({ id: digest, name: z.string() }),
  kernel: z.object({ id: digest, name: z.string() }),
  cpus: z.int(),
  memory_mib: z.int(),
  /** MiB of the root disk. */
  disk_mib: z.int(),
  /** How the root disk comes from its image, and why so. */
  disk_kind: diskKind.optional(),
  disk_why: z.string().nullable().optional(),
  /** Its disks beside the root disk, and where its guest mounts them. */
  volumes: z
    .array(
      z.object({
        id: volumeId,
        name,
        path: z.string(),
        size_mib: z.int(),
        /** True for the one that is removed with it, unless it is kept. */
        work_disk: z.boolean(),
      }),
    )
    .optional(),
  address: ipv4,
  mac,
  /** What its network reaches; with `none` its guest has no network, and its address is only kept for it. */
  network: networkMode.optional(),
  /** What runs it, or ran it last; of one that wasn't started yet, what would. */
  vmm: vmmKind,
  /** Why so; of a VM that runs, since its start. */
  vmm_why: z.string().nullable().optional(),
  /** What was asked for; `auto` is chosen at each start. */
  vmm_wanted: vmmWish.optional(),
  /** How the guest's instructions are run; null until it was started. */
  accel: accelKind.nullable(),
  /** Why so. */
  accel_why: z.string().nullable().optional(),
  /** What was asked for. */
  accel_wanted: accelWish.optional(),
  /** What is the matter with a VM that runs: its agent doesn't answer, the host's disk is full, it was paused, its VMM can't be reached, its tap was removed. */
  health: z
    .enum(["ok", "agent_silent", "no_space", "disk_failed", "paused", "unreachable", "tap_gone"])
    .nullable()
    .optional(),
  /** The VMM's, while it runs. */
  pid: z.int().nullable(),
  /** How often it was started. */
  generation: z.int(),
  created_at: timestamp,
  started_at: timestamp.nullable(),
  last_used_at: timestamp,
  /** How its last run ended; null while it runs, and before the first. */
  exit: vmExit.nullable().optional(),
  /** What its maker wrote on it: a value by key. */
  labels: z.record(z.string(), z.string()).optional(),
  /** True where it is deleted when the command ends that it was made for. */
  remove_at_end: z.boolean().optional(),
  /** After so many seconds of running it is stopped; null: never. */
  ttl_s: z.int().nullable().optional(),
  /** When nobody used it for so many seconds it is stopped; null: never. */
  idle_s: z.int().nullable().optional(),
  /** True where it is started when the daemon is. */
  autostart: z.boolean().optional(),
  /** What becomes of it when its guest reboots. */
  on_reboot: onReboot.optional(),
  /** Why banger stopped it without being asked to; null where it didn't. */
  stopped_for: z.enum(["ttl", "idle"]).nullable().optional(),
  /** What it keeps until its next start, of fields that were changed while it ran: a value by field. */
  waits: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
  /** Why it is `failed`, or why its last start was undone. */
  error: z
    .object({
      code: z.string(),
      message: z.string(),
      op_id: z.string(),
      /** The console's last lines, of a guest that ended by itself; not in a list, which they would make too long. */
      console: z.string().optional(),
    })
    .nullable(),
});

/** A VM as the wire has it. */
export type Vm = z.output<typeof vm>;

/** Which stage of a stop ended the guest. */
export const stoppedBy = z.enum(["agent", "power_button", "kill"]);

/** A VM, and whether it was as it was asked to be: then nothing was done. */
export const changed = vm.extend({
  unchanged: z.boolean().optional(),
  stopped_by: stoppedBy.optional(),
});

/** What becomes of a work disk whose VM is deleted: it goes too, or is a volume from then on. */
export const workDiskEnd = z.object({ name, kept: z.boolean() });

/** What a mutation of a VM answers. */
export type ChangedVm = z.output<typeof changed>;
