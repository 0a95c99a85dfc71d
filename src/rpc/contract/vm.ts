import { z } from "zod";
import { amount, digest, ipv4, mac, name, reference, timestamp, vmId } from "./fields.ts";
import { method } from "./method.ts";
import { stepCodes } from "./step.ts";
import { warning } from "./warning.ts";

/** Where a VM is in its life; `src/daemon/vm/state.ts` has the diagram. */
const vmState = z.enum(["creating", "created", "starting", "running", "stopping", "stopped", "failed"]);

/** How a VM's last run ended. */
const vmExit = z.object({
  /** `shutdown`: the guest powered itself off. `reset`: it rebooted, or its kernel panicked. `killed`: banger ended it. `exited`: the VMM ended by itself. */
  how: z.enum(["shutdown", "reset", "killed", "exited", "unknown"]),
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
  health: z.enum(["ok", "agent_silent", "no_space", "paused", "unreachable"]).nullable().optional(),
  /** The VMM's, while it runs. */
  pid: z.int().nullable(),
  /** How often it was started. */
  generation: z.int(),
  created_at: timestamp,
  started_at: timestamp.nullable(),
  last_used_at: timestamp,
  /** How its last run ended; null while it runs, and before the first. */
  exit: vmExit.nullable().optional(),
  /** Why it is `failed`, or why its last start was undone. */
  error: z.object({ code: z.string(), message: z.string(), op_id: z.string() }).nullable(),
});

/** A VM as the wire has it. */
export type Vm = z.output<typeof vm>;

/** A VM, and whether it was as it was asked to be: then nothing was done. */
const changed = vm.extend({ unchanged: z.boolean().optional() });

/** What start, stop and kill answer. */
export type ChangedVm = z.output<typeof changed>;

/** What names one VM. */
export const one = z.object({ vm: reference.describe("name, id or a unique prefix") });
/** The codes of a name that fits none, or several. */
export const byName = ["not_found", "ambiguous"] as const;
const mutates = [...byName, "busy", "wrong_state", ...stepCodes] as const;

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
    }),
    result: vm,
    errors: [...byName, ...stepCodes],
  }),
  vmStart: method({
    name: "vm.start",
    summary: "Boots a VM and answers when a command runs in it.",
    params: one.extend({
      overcommit: z.boolean().default(false).describe("start it although the host has too little memory for it"),
    }),
    /** `warnings`: what will trouble the guest, though it runs. */
    result: changed.extend({ warnings: z.array(warning).optional() }),
    errors: [...mutates, "no_memory", "not_ready"],
  }),
  vmStop: method({
    name: "vm.stop",
    summary: "Shuts a VM down in order; kills it when that takes too long.",
    params: one.extend({
      timeout_s: amount(0, 3600, "seconds")
        .default(30)
        .describe("how long the guest has to shut down by itself; then it is killed"),
    }),
    result: changed,
    errors: [...mutates],
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
  vmList: method({
    name: "vm.list",
    summary: "Lists the VMs.",
    params: z.object({}),
    result: z.object({ vms: z.array(vm) }),
    errors: [],
    traced: false,
  }),
  vmShow: method({
    name: "vm.show",
    summary: "Shows one VM.",
    params: one,
    /** MiB that its root disk takes on the host; null while it is being made. */
    result: vm.extend({ disk_used_mib: z.int().nullable().optional() }),
    errors: [...byName],
    traced: false,
  }),
};
