import { z } from "zod";
import { diskKind } from "./disk-kind.ts";
import { amount, digest, ipv4, label, labelFilter, mac, name, reference, timestamp, vmId } from "./fields.ts";
import { method } from "./method.ts";
import { stepCodes } from "./step.ts";
import { warning } from "./warning.ts";

/** Where a VM is in its life; `src/daemon/vm/state.ts` has the diagram. */
const vmState = z.enum(["creating", "created", "starting", "running", "stopping", "stopped", "failed"]);

/** How a VM's last run ended. */
const vmExit = z.object({
  /** `shutdown`: the guest powered itself off. `reset`: it rebooted. `panic`: its kernel panicked. `killed`: banger ended it. `exited`: the VMM ended by itself. */
  how: z.enum(["shutdown", "reset", "panic", "killed", "exited", "unknown"]),
  /** The VMM's exit status, or the number of the signal that ended it; both null when nobody saw it. */
  status: z.int().nullable(),
  signal: z.int().nullable(),
  at: timestamp,
});

/** What a guest's network reaches: nothing, as it has none; the host's bridge and no further; or, through NAT, what the host does. */
const networkMode = z.enum(["nat", "isolated", "none"]);

/** A virtual machine. What First light's daemon didn't say is optional. */
const vm = z.object({
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
  address: ipv4,
  mac,
  /** What its network reaches; with `none` its guest has no network, and its address is only kept for it. */
  network: networkMode.optional(),
  vmm: z.literal("qemu"),
  /** How the guest's instructions are run; null until it was started. */
  accel: z.enum(["kvm", "tcg"]).nullable(),
  /** Why so. */
  accel_why: z.string().nullable().optional(),
  /** What is the matter with a VM that runs: its agent doesn't answer, the host's disk is full, it was paused, its VMM can't be reached. */
  health: z.enum(["ok", "agent_silent", "no_space", "disk_failed", "paused", "unreachable"]).nullable().optional(),
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
  /** Why it is `failed`, or why its last start was undone. */
  error: z
    .object({
      code: z.string(),
      message: z.string(),
      op_id: z.string(),
      /** The console's last lines, of a guest that ended by itself. */
      console: z.string().optional(),
    })
    .nullable(),
});

/** A VM as the wire has it. */
export type Vm = z.output<typeof vm>;

/** A VM, and whether it was as it was asked to be: then nothing was done. */
const changed = vm.extend({
  unchanged: z.boolean().optional(),
  /** Which stage of a stop ended the guest. */
  stopped_by: z.enum(["agent", "power_button", "kill"]).optional(),
});

/** What a mutation of a VM answers. */
export type ChangedVm = z.output<typeof changed>;

/** What names one VM. */
export const one = z.object({ vm: reference.describe("name, id or a unique prefix") });
/** The codes of a name that fits none, or several. */
export const byName = ["not_found", "ambiguous"] as const;
const mutates = [...byName, "busy", "wrong_state", ...stepCodes] as const;

const stopTimeout = amount(0, 3600, "seconds")
  .default(30)
  .describe(
    "how long the guest has to shut down by itself, its power button pressed in the last third; then it is killed",
  );
const overcommit = z.boolean().default(false).describe("start it although the host has too little memory for it");
/** How far a guest's boot may have come: its agent answers, its init has started everything, its ssh server greets. */
const bootStages = ["ready", "booted", "ssh"] as const;
const waitTimeout = amount(0, 86_400, "seconds").default(120);

/** The methods on VMs: what they are, and what is done with them as wholes. */
export const vmContract = {
  vmCreate: method({
    name: "vm.create",
    summary: "Makes a VM from an image and a kernel, with a root disk and an address of its own.",
    params: z.object({
      name: name.optional().describe("what to call it, 1 to 32 of a-z, 0-9 and -; a new name by default"),
      image: reference.optional().describe("the image; the one that `image default` names, by default"),
      kernel: reference.optional().describe("the kernel; the one that `kernel default` names, by default"),
      cpus: amount(1, 64).default(1).describe("virtual CPUs"),
      memory_mib: amount(64, 1_048_576, "MiB").default(512).describe("memory"),
      disk_mib: amount(64, 16_777_216, "MiB")
        .optional()
        .describe("size of the root disk; 20G, or what the image has when that is more"),
      network: networkMode
        .default("nat")
        .describe("what the guest's network reaches: what the host does (nat), the host alone (isolated), or none"),
      label: z.array(label).max(64).default([]).describe("KEY=VALUE to know it by (may be repeated)"),
      disk_kind: z
        .enum(["auto", ...diskKind.options])
        .optional()
        .describe(
          "how it comes from the image; auto, which is the default: reflink where the file system can, else qcow2",
        ),
    }),
    result: vm,
    errors: [...byName, ...stepCodes],
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
    summary: "Deletes a VM and its disk.",
    params: one.extend({ force: z.boolean().default(false).describe("kill it first when it runs") }),
    result: z.object({ id: vmId, name }),
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
          /** MiB that its root disk took on the host. */
          disk_used_mib: z.int(),
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
    summary: "Changes what a VM has, whether it runs or not.",
    params: one.extend({
      disk_mib: amount(64, 16_777_216, "MiB").optional().describe("size of the root disk, which is only made larger"),
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
    }),
    errors: [...byName],
    traced: false,
  }),
};
