import { z } from "zod";
import { diskKind } from "./disk-kind.ts";
import { amount, label, labelFilter, labelKey, mostVolumes, name, reference, timestamp, vmId } from "./fields.ts";
import { method } from "./method.ts";
import { stepCodes } from "./step.ts";
import { changed, networkMode, onReboot, stoppedBy, vm, vmState, workDiskEnd } from "./vm.ts";
import { vmDefaults } from "./vm-defaults.ts";
import { accelWish, vmmWish } from "./vmm-kind.ts";
import { volumeUse } from "./volume-use.ts";
import { warning } from "./warning.ts";

/** What names one VM. */
export const one = z.object({ vm: reference.describe("name, id or a unique prefix") });
/** The codes of a name that fits none, or several. */
export const byName = ["not_found", "ambiguous"] as const;
const mutates = [...byName, "busy", "wrong_state", ...stepCodes] as const;

const cpus = amount(1, 64);
const memory = amount(64, 1_048_576, "MiB");
const disk = amount(64, 16_777_216, "MiB");
const stopTimeout = amount(0, 3600, "seconds")
  .default(30)
  .describe(
    "how long the guest has to shut down by itself, its power button pressed in the last third; then it is killed",
  );
const overcommit = z.boolean().default(false).describe("start it although the host has too little memory for it");
const volume = z
  .array(volumeUse)
  .max(mostVolumes)
  .default([])
  .describe(
    "NAME:/PATH[:SIZE], a volume and where it is mounted; made where there is none of this name, and a new one is filled with what the image has there (may be repeated)",
  );
const keepWork = z.boolean().default(false).describe("keep the work disk, which is a volume from then on");
/** How far a guest's boot may have come: its agent answers, its init has started everything, its ssh server greets. */
const bootStages = ["ready", "booted", "ssh"] as const;
const waitTimeout = amount(0, 86_400, "seconds").default(120);

/** What a maker may leave out: the daemon has it from the owner's config file, else as it is built in; `usual` is for the help. */
function usually<S extends z.ZodType>(schema: S, usual: string | number | boolean, summary: string) {
  return schema.optional().meta({ description: summary, usual });
}

/** Ten years: what is to go on for longer has no limit. */
const longestS = 315_360_000;
/** How long a VM lives, and what it does when its host or its guest comes back. */
const life = {
  ttl_s: amount(0, longestS, "seconds").optional().describe("stop it so long after its start; 0: never"),
  idle_s: amount(0, longestS, "seconds").optional().describe("stop it when nobody has used it for so long; 0: never"),
  autostart: z.boolean().optional().describe("start it with the daemon, once after each boot of the host"),
  on_reboot: onReboot.optional().describe("when its guest reboots: start it again, or leave it stopped"),
};

/** The methods on VMs: what they are, and what is done with them as wholes. */
export const vmContract = {
  vmCreate: method({
    name: "vm.create",
    summary: "Makes a VM from an image and a kernel, with a root disk and an address of its own.",
    params: z.object({
      name: name.optional().describe("what to call it, 1 to 32 of a-z, 0-9 and -; a new name by default"),
      image: reference.optional().describe("the image; the one that `image default` names, by default"),
      kernel: reference.optional().describe("the kernel; the one that `kernel default` names, by default"),
      cpus: usually(cpus, vmDefaults.cpus, "virtual CPUs"),
      memory_mib: usually(memory, vmDefaults.memory_mib, "memory"),
      disk_mib: disk.optional().describe("size of the root disk; 20G, or what the image has when that is more"),
      network: usually(
        networkMode,
        vmDefaults.network,
        "what the guest's network reaches: what the host does (nat), the host alone (isolated), or none",
      ),
      label: z.array(label).max(64).default([]).describe("KEY=VALUE to know it by (may be repeated)"),
      volume,
      work_disk_mib: disk
        .optional()
        .describe("size of a disk of its own for /home, called as the VM; `vm delete --keep-work` keeps it"),
      disk_kind: z
        .enum(["auto", ...diskKind.options])
        .optional()
        .describe(
          "how it comes from the image; auto, which is the default: reflink where the file system can, else qcow2, which needs nothing of the host; dm-snapshot and copy are made where they are asked for",
        ),
      vmm: usually(vmmWish, vmDefaults.vmm, "what runs it; auto: Firecracker where it and KVM can be used, else QEMU"),
      accel: usually(accelWish, vmDefaults.accel, "how its instructions are run; auto: by KVM where that can be used"),
      ttl_s: usually(life.ttl_s.unwrap(), vmDefaults.ttl_s, "stop it so long after its start; 0: never"),
      idle_s: usually(life.idle_s.unwrap(), vmDefaults.idle_s, "stop it when nobody has used it for so long; 0: never"),
      autostart: life.autostart,
      on_reboot: usually(onReboot, vmDefaults.on_reboot, "when its guest reboots: start it again, or leave it stopped"),
    }),
    result: vm,
    errors: [...byName, "bad_config", ...stepCodes],
    begins: true,
  }),
  vmStart: method({
    name: "vm.start",
    summary: "Boots a VM and answers when a command runs in it.",
    params: one.extend({
      overcommit,
      wait: z.enum(bootStages).default("ready").describe("answer when a command runs, its init is done, or ssh greets"),
      wait_timeout_s: waitTimeout.describe("how long to wait for more than a command; the VM runs on then"),
    }),
    /** `warnings`: what will trouble the guest, though it runs. */
    result: changed.extend({ warnings: z.array(warning).optional() }),
    errors: [...mutates, "no_memory", "not_ready", "deadline_exceeded", "command_failed"],
    begins: true,
  }),
  vmStop: method({
    name: "vm.stop",
    summary: "Shuts a VM down in order; kills it when that takes too long.",
    params: one.extend({
      timeout_s: stopTimeout,
      asked_by: z
        .enum(["owner", "unit"])
        .optional()
        .describe(
          "for whom, by default the owner; `unit`: systemd ends the VM's unit, as when the host shuts down, which its exit then says",
        ),
    }),
    result: changed,
    errors: [...mutates],
    begins: true,
  }),
  vmRestart: method({
    name: "vm.restart",
    summary: "Stops a VM as `vm stop` does and boots it; one that doesn't run is started.",
    params: one.extend({ timeout_s: stopTimeout, overcommit }),
    result: changed.extend({ warnings: z.array(warning).optional() }),
    errors: [...mutates, "no_memory", "not_ready"],
    begins: true,
  }),
  vmPause: method({
    name: "vm.pause",
    summary: "Halts a VM's guest, which keeps its memory, until it is resumed.",
    params: one,
    result: changed,
    errors: [...mutates, "command_failed", "deadline_exceeded"],
  }),
  vmResume: method({
    name: "vm.resume",
    summary: "Lets a paused VM's guest go on, and sets its clock.",
    params: one,
    result: changed,
    errors: [...mutates, "command_failed", "deadline_exceeded"],
  }),
  vmWait: method({
    name: "vm.wait",
    summary: "Waits until a VM is ready, booted, reached by ssh or stopped; fails when that can't come true any more.",
    params: one.extend({
      for: z
        .enum([...bootStages, "stopped"])
        .default("ready")
        .describe("a command runs in it, its init is done, its ssh server greets, or it has stopped"),
      timeout_s: waitTimeout.describe("how long to wait"),
    }),
    result: vm,
    errors: [...byName, "wrong_state", "guest_died", "deadline_exceeded", "command_failed"],
  }),
  vmKill: method({
    name: "vm.kill",
    summary: "Ends a VM at once, as pulling the plug would.",
    params: one,
    result: changed,
    errors: [...mutates],
  }),
  vmDelete: method({
    name: "vm.delete",
    summary: "Deletes a VM and its disk; volumes stay, its work disk does when it is asked for.",
    params: one.extend({
      force: z
        .boolean()
        .default(false)
        .describe("end it first when it runs: it is killed, or shut down where it has volumes that stay"),
      keep_work: keepWork,
    }),
    result: z.object({
      id: vmId,
      name,
      work_disk: workDiskEnd.optional(),
      /** Of a guest that was to shut down first, as its volumes stay: which stage of the stop ended it. */
      stopped_by: stoppedBy.optional(),
    }),
    errors: [...mutates],
  }),
  vmRename: method({
    name: "vm.rename",
    summary: "Gives a VM another name, also while it runs; its guest takes it for its host name at its next start.",
    params: one.extend({ name: name.describe("what to call it") }),
    result: changed,
    errors: [...byName, "busy", "already_exists"],
  }),
  vmPrune: method({
    name: "vm.prune",
    summary: "Deletes the VMs that don't run and aren't used any more, all in one operation.",
    params: z.object({
      older_s: amount(0, 315_360_000, "seconds").default(0).describe("only those that nobody has used for so long"),
      label: z
        .array(labelFilter)
        .default([])
        .describe("only those with this label, KEY or KEY=VALUE (may be repeated: all are required)"),
      only: z.array(vmId).default([]).describe("of these, only the ones with this id (may be repeated)"),
      keep_work: keepWork,
      dry_run: z.boolean().default(false).describe("say what would be deleted, and delete nothing"),
      force: z.boolean().default(false).describe("don't ask first"),
    }),
    result: z.object({
      vms: z.array(
        z.object({
          id: vmId,
          name,
          state: vmState,
          last_used_at: timestamp,
          /** MiB that its disks took on the host, the work disk's too unless it is kept. */
          disk_used_mib: z.int(),
          work_disk: workDiskEnd.optional(),
          /** Why it could not be deleted. */
          error: z.string().optional(),
        }),
      ),
      /** MiB that were given back, or would be. */
      freed_mib: z.int(),
    }),
    errors: [...mutates],
  }),
  vmSet: method({
    name: "vm.set",
    summary: "Changes what a VM has, at once where it can while it runs, else from its next start on.",
    params: one.extend({
      cpus: cpus.optional().describe("virtual CPUs"),
      memory_mib: memory.optional().describe("memory"),
      disk_mib: disk.optional().describe("size of the root disk, which is only made larger"),
      network: networkMode
        .optional()
        .describe("what the guest's network reaches: what the host does (nat), the host alone (isolated), or none"),
      vmm: vmmWish.optional().describe("what runs it, from its next start on"),
      accel: accelWish.optional().describe("how its instructions are run, from its next start on"),
      label: z.array(label).max(64).default([]).describe("KEY=VALUE to write on it (may be repeated)"),
      unlabel: z.array(labelKey).default([]).describe("KEY of a label to take off (may be repeated)"),
      ...life,
      volume: volume.describe(
        "NAME:/PATH[:SIZE], a volume for a VM that doesn't run, as for `vm create` (may be repeated)",
      ),
      no_volume: z
        .array(reference)
        .default([])
        .describe("a volume to take from a VM that doesn't run; the volume stays (may be repeated)"),
    }),
    result: changed,
    errors: [...mutates],
  }),
  vmList: method({
    name: "vm.list",
    // With `watch`, event `vms` tells them all at once and after each change, as the result has them.
    summary: "Lists the VMs.",
    params: z.object({
      watch: z.boolean().default(false).describe("go on, and show each change, until Ctrl-C"),
      label: z
        .array(labelFilter)
        .default([])
        .describe("only those with this label, KEY or KEY=VALUE (may be repeated: all are required)"),
      state: z
        .array(vmState)
        .default([])
        .describe("only those in this state, like `running` (may be repeated: any of them)"),
    }),
    result: z.object({ vms: z.array(vm) }),
    errors: [],
    traced: false,
  }),
  vmShow: method({
    name: "vm.show",
    summary: "Shows one VM.",
    params: one,
    result: vm.extend({
      /** MiB that its root disk alone takes on the host; null while it is being made. */
      disk_used_mib: z.int().nullable().optional(),
      /** MiB of it that its image, or another file, has too; null where that isn't known: then they are among those above. */
      disk_shared_mib: z.int().nullable().optional(),
      /** True where the file of its root disk was removed. */
      disk_gone: z.boolean().optional(),
      /** What its start could not do for its guest, as long as the daemon that started it runs. */
      warnings: z.array(warning).optional(),
    }),
    errors: [...byName],
    traced: false,
  }),
};
