import { z } from "zod";
import { diskKind } from "./disk-kind.ts";
import { digest, ipv4, mac, mostVolumes, timestamp, vmId, volumeId } from "./fields.ts";
import { method } from "./method.ts";
import { accelKind, vmmKind } from "./vmm-kind.ts";

const nothing = z.object({});
/** Counts a VM's starts: an undo removes only what its own generation made. */
const generation = z
  .int()
  .min(1)
  .max(2 ** 31);
/** Absent in what a daemon of protocol 1 sends: any generation. */
const olderGeneration = generation.optional();
const vmmFacts = z.object({
  vm_id: vmId,
  generation,
  pid: z.int(),
  uid: z.int(),
  started_at: timestamp,
});
/** How a VMM's process ended, by the recorder that is its parent; both null: not known, because that was killed too. */
const vmmExit = z.object({
  vm_id: vmId,
  generation,
  uid: z.int(),
  status: z.int().nullable(),
  /** The number of the signal that ended it. */
  signal: z.int().nullable(),
  at: timestamp,
  /** True where the kernel killed it because there was no memory left. */
  out_of_memory: z.boolean().optional(),
});

/** Where a Firecracker's things are: sockets as the owner finds them, files as Firecracker itself does. */
const firecrackerPlaces = z.object({
  api_socket: z.string(),
  vsock_socket: z.string(),
  /** `uds_path` for `PUT /vsock`, as Firecracker sees it. */
  vsock: z.string(),
  /** The path for `PUT /metrics` as it sees it, a FIFO. */
  metrics: z.string(),
  /** The same FIFO as the owner finds it. */
  metrics_file: z.string(),
  kernel: z.string(),
  initrd: z.string(),
  root_disk: z.string(),
  volumes: z.array(z.string()),
});

/** A chain that isn't banger's and drops: `input` is what guests send to the host itself. */
const drop = z.object({
  hook: z.enum(["input", "forward"]),
  family: z.enum(["ip", "inet"]),
  table: z.string(),
  chain: z.string(),
  /** Its policy, or a rule without a condition; `unknown` for the older iptables, which can't be read, and for too many rules. */
  why: z.enum(["policy", "rule", "unknown"]),
  /** Why it is unknown. */
  too_many_rules: z.boolean().optional(),
  /** The chain that its owner leaves to others. */
  place: z.string().optional(),
  /** Its table accepts what belongs to a connection that there is. */
  answers_pass: z.boolean().optional(),
});
/** The same for the other hooks: `prerouting` is all that guests send, the others what is sent to them. */
const cut = drop.extend({ hook: z.enum(["prerouting", "output", "postrouting"]) });

/** Everything that the root helper does: the whole privileged surface. */
export const helperContract = {
  ping: method({
    name: "helper.ping",
    summary: "Says that the helper answers.",
    params: nothing,
    result: z.object({ version: z.string(), pid: z.int(), protocol: z.int().optional() }),
    errors: [],
    traced: false,
  }),
  kvmProbe: method({
    name: "kvm.probe",
    summary: "Says whether a VMM's uid can run an ordinary guest with KVM, by trying, and why not.",
    params: nothing,
    result: z.object({ usable: z.boolean(), why: z.string() }),
    errors: ["missing_tool", "command_failed", "no_space"],
    traced: false,
  }),
  vmmProbe: method({
    name: "vmm.probe",
    summary: "Says which VMMs this host has, their versions, and whether each can be used, and why not.",
    params: nothing,
    result: z.object({
      vmms: z.array(
        z.object({
          kind: vmmKind,
          path: z.string(),
          version: z.string().optional(),
          usable: z.boolean(),
          why: z.string(),
          jailer: z
            .object({ path: z.string(), version: z.string().optional(), usable: z.boolean(), why: z.string() })
            .optional(),
        }),
      ),
    }),
    errors: ["missing_tool", "command_failed", "no_space"],
    traced: false,
  }),
  hostLook: method({
    name: "host.look",
    summary: "Looks at what VMs need of this host, and changes nothing.",
    params: z.object({
      /** Also at what they share: bridge, rules, routes and what others drop. */
      network: z.boolean().default(false),
      /** Of that, also at what others drop. */
      drops: z.boolean().default(true),
      /** As for `nat.ensure`. */
      dns_port: z.int().min(1024).max(65_535).optional(),
    }),
    result: z.object({
      /** What a VMM can't be started without: programs, firmware, devices; `why` is errno's name. */
      missing: z.array(z.object({ path: z.string(), why: z.string() })),
      uid_is_free: z.boolean(),
      /** How many volumes a VMM is given at most; absent from a helper that is older than volumes, which would leave them out. */
      most_volumes: z.int().optional(),
      network: z
        .object({
          bridge: z.enum(["absent", "complete", "incomplete", "foreign"]),
          /** The taps of VMs that run which are down or not on it. */
          detached: z.array(z.string()).optional(),
          name: z.string(),
          /** `other`: of another version or another DNS port, or changed by somebody. */
          rules: z.enum(["absent", "current", "other"]),
          forwarding: z.boolean(),
          /** Who has the subnet, where there is no bridge yet. */
          in_use: z.string().optional(),
          shadows: z.array(z.string()),
          leads_elsewhere: z.string().optional(),
          drops: z.array(drop).optional(),
          cuts: z.array(cut).optional(),
        })
        .optional(),
    }),
    errors: ["command_failed", "no_space"],
  }),
  bridgeEnsure: method({
    name: "bridge.ensure",
    summary: "Makes the installation's bridge with its address, or finds it as it should be.",
    params: z.object({
      /** Also puts taps of VMs back on it that somebody took off, or set down. */
      taps: z.boolean().optional(),
    }),
    result: z.object({
      bridge: z.string(),
      address: z.string(),
      created: z.boolean(),
      /** Wider routes that lead to the rest of what they named only, now that the bridge is made. */
      shadows: z.array(z.string()).optional(),
      /** Where what is meant for guests goes to instead, since somebody changed the host's routes. */
      leads_elsewhere: z.string().optional(),
    }),
    errors: ["already_exists", "in_use", "command_failed", "no_space"],
  }),
  bridgeRemove: method({
    name: "bridge.remove",
    summary: "Removes the bridge; refused while a VM has a tap, or anything else is on it.",
    params: nothing,
    result: z.object({ removed: z.boolean() }),
    errors: ["in_use", "already_exists", "command_failed", "no_space"],
  }),
  natEnsure: method({
    name: "nat.ensure",
    summary: "Puts the nftables table and forwarding in place, atomically.",
    params: z.object({
      /** Where the daemon answers guests' DNS, on the bridge's address; without it port 53 is left as it is. */
      dns_port: z.int().min(1024).max(65_535).optional(),
    }),
    result: z.object({
      table: z.string(),
      /** The port to which guests' DNS is led, when the helper can. */
      dns_port: z.int().optional(),
      /** Chains of others that end what guests send, or get. */
      drops: z.array(drop).optional(),
      cuts: z.array(cut).optional(),
    }),
    errors: ["command_failed", "no_space"],
  }),
  natRemove: method({
    name: "nat.remove",
    summary:
      "Removes the table and puts forwarding back as it was, unless others decide on what is forwarded; refused while a VM has a tap.",
    params: nothing,
    result: z.object({
      removed: z.boolean(),
      /** The chain of somebody else's for which forwarding was left on. */
      forwarding_left_for: z.string().optional(),
    }),
    errors: ["in_use", "command_failed", "no_space"],
  }),
  resolverSet: method({
    name: "resolver.set",
    summary: "Has systemd-resolved ask the daemon for VMs' names, and nobody else, where it runs.",
    params: z.object({
      /** Where the daemon answers on the bridge's address. */
      dns_port: z.int().min(1024).max(65_535),
    }),
    result: z.object({
      routed: z.boolean(),
      /** What systemd-resolved said to it; absent where it doesn't run. */
      why: z.string().max(4096).optional(),
    }),
    errors: ["already_exists", "command_failed", "missing_tool", "no_space"],
  }),
  resolverClear: method({
    name: "resolver.clear",
    summary: "Makes sure that systemd-resolved knows nothing of VMs' names any more.",
    params: nothing,
    result: z.object({ removed: z.boolean() }),
    errors: ["already_exists", "command_failed", "no_space"],
  }),
  tapCreate: method({
    name: "tap.create",
    summary: "Makes a VM's tap on the bridge, owned by the VM's uid and pinned to its MAC and address.",
    params: z.object({ vm_id: vmId, generation: olderGeneration, address: ipv4, mac }),
    result: z.object({ tap: z.string(), uid: z.int() }),
    errors: ["already_exists", "not_found", "wrong_state", "no_space", "command_failed"],
  }),
  tapRemove: method({
    name: "tap.remove",
    summary: "Removes a VM's tap of that generation or an older one, and its pins; done already is fine.",
    params: z.object({ vm_id: vmId, generation: olderGeneration }),
    result: z.object({ removed: z.boolean() }),
    errors: ["already_exists", "wrong_state", "command_failed", "no_space"],
  }),
  tapIsolate: method({
    name: "tap.isolate",
    summary: "Keeps a VM's guest from what is beyond the bridge, or lets it there, from the next packet on.",
    params: z.object({ vm_id: vmId, generation, isolated: z.boolean() }),
    result: z.object({ isolated: z.boolean() }),
    errors: ["not_found", "wrong_state", "command_failed", "no_space"],
  }),
  diskProbe: method({
    name: "disk.probe",
    summary: "Says whether root disks can be dm-snapshots here, by asking the kernel, and why not.",
    params: nothing,
    result: z.object({ usable: z.boolean(), why: z.string() }),
    errors: ["command_failed"],
    traced: false,
  }),
  diskAttach: method({
    name: "disk.attach",
    summary: "Makes a VM's root disk a device that is a snapshot of its image, or finds it so and makes it larger.",
    params: z.object({ vm_id: vmId, generation, image_id: digest, disk_mib: z.int().min(1).max(16_777_216) }),
    result: z.object({
      /** The kernel had given the snapshot up, as a write to its file failed; nothing that was acknowledged is lost. */
      mended: z.boolean(),
    }),
    errors: ["already_exists", "in_use", "not_found", "bad_content", "wrong_state", "command_failed", "no_space"],
  }),
  diskDetach: method({
    name: "disk.detach",
    summary: "Removes a VM's device of that generation or an older one; its file stays, and done already is fine.",
    params: z.object({ vm_id: vmId, generation }),
    result: z.object({ removed: z.boolean() }),
    errors: ["in_use", "already_exists", "wrong_state", "command_failed", "no_space"],
  }),
  vmmStart: method({
    name: "vmm.start",
    summary: "Starts a VM's VMM under the VM's own uid, stopped before its guest's first instruction.",
    params: z.object({
      vm_id: vmId,
      generation,
      /** A daemon that doesn't say has QEMU only. */
      vmm: vmmKind.optional(),
      kernel_id: digest,
      image_id: digest,
      /** A daemon that doesn't say has qcow2 only. */
      disk_kind: diskKind.optional(),
      cpus: z.int().min(1).max(64),
      memory_mib: z.int().min(64).max(1_048_576),
      accel: accelKind,
      mac,
      /** False for a guest that has no network device; its VM needs no tap. */
      network: z.boolean().optional(),
      /** The disks beside the root disk, each once. */
      volumes: z
        .array(volumeId)
        .max(mostVolumes)
        .refine((ids) => new Set(ids).size === ids.length, "must name each volume once")
        .optional(),
    }),
    result: vmmFacts.extend({
      sockets: z.object({ qmp: z.string(), agent: z.string() }).optional(),
      firecracker: firecrackerPlaces.optional(),
    }),
    errors: ["already_exists", "not_found", "bad_content", "missing_tool", "command_failed", "no_space"],
  }),
  vmmStop: method({
    name: "vmm.stop",
    summary: "Kills a VM's VMM of that generation or an older one and gives its uid back; done already is fine.",
    params: z.object({ vm_id: vmId, generation }),
    result: z.object({ stopped: z.boolean() }),
    errors: ["wrong_state", "command_failed", "no_space"],
  }),
  vmmLimits: method({
    name: "vmm.limits",
    summary: "Lets a VM's VMM of that generation write a root disk of that size; takes nothing from it.",
    params: z.object({ vm_id: vmId, generation, disk_mib: z.int().min(1).max(16_777_216) }),
    result: z.object({ file_bytes: z.int() }),
    errors: ["not_found", "wrong_state", "command_failed", "no_space"],
  }),
  vmmStatus: method({
    name: "vmm.status",
    summary: "Says whether a VM's VMM runs, and how it ended.",
    params: z.object({ vm_id: vmId }),
    result: z.object({
      running: z.boolean(),
      facts: vmmFacts.optional(),
      exit: vmmExit.optional(),
      last_words: z.string().max(4096).optional(),
    }),
    errors: ["command_failed", "no_space"],
    traced: false,
  }),
  vmmList: method({
    name: "vmm.list",
    summary:
      "Lists every fact about this installation's VMs: VMMs that run, VMMs that ended, taps, disks, leases of uids.",
    params: nothing,
    result: z.object({
      vmms: z.array(vmmFacts),
      taps: z.array(z.object({ vm_id: vmId, tap: z.string(), generation: z.int().optional() })),
      exits: z.array(vmmExit).optional(),
      /** Root disks that are devices. */
      disks: z.array(z.object({ vm_id: vmId, generation: generation.optional() })).optional(),
      leases: z.array(z.object({ vm_id: vmId, uid: z.int() })).optional(),
      /** VMs of which nothing is remembered, and files lie in the helper's run directory; `vmm.stop` removes them. */
      remains: z.array(z.object({ vm_id: vmId })).optional(),
    }),
    errors: ["command_failed", "no_space"],
  }),
};
