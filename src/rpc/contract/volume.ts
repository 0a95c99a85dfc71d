import { z } from "zod";
import { amount, name, reference, timestamp, vmId, volumeId } from "./fields.ts";
import { method } from "./method.ts";

/** A disk that outlives the VMs that have it, one at a time. */
const volume = z.object({
  id: volumeId,
  name,
  /** MiB that its guest sees. */
  size_mib: z.int(),
  /** MiB that it takes on the host; null where its disk is missing. */
  used_mib: z.int().nullable(),
  created_at: timestamp,
  /** The VM that has it, and where its guest mounts it; null: none has. */
  used_by: z
    .object({
      vm: name,
      vm_id: vmId,
      path: z.string(),
      /** True for a VM's work disk, which is removed with it unless it is kept. */
      work_disk: z.boolean(),
    })
    .nullable(),
});

/** A volume as the wire has it. */
export type Volume = z.output<typeof volume>;

const one = z.object({ volume: reference.describe("name, id or a unique prefix") });
const size = amount(64, 16_777_216, "MiB");

/** The methods on volumes. */
export const volumeContract = {
  volumeCreate: method({
    name: "volume.create",
    summary: "Makes a volume: a disk with an empty file system, which VMs have one after the other.",
    params: z.object({
      name: name.describe("what to call it"),
      size_mib: size.default(20_480).describe("its size; it takes space on the host as it is written"),
    }),
    result: volume,
    errors: ["already_exists", "missing_tool", "command_failed", "no_space"],
  }),
  volumeList: method({
    name: "volume.list",
    summary: "Lists the volumes, and which VM has them.",
    params: z.object({}),
    result: z.object({ volumes: z.array(volume) }),
    errors: [],
    traced: false,
  }),
  volumeShow: method({
    name: "volume.show",
    summary: "Shows one volume.",
    params: one,
    result: volume,
    errors: ["not_found", "ambiguous"],
    traced: false,
  }),
  volumeSet: method({
    name: "volume.set",
    summary: "Makes a volume larger, while no VM runs with it; its file system grows at the next start.",
    params: one.extend({ size_mib: size.describe("its size, which is only made larger") }),
    /** `unchanged`: it had that size. */
    result: volume.extend({ unchanged: z.boolean().optional() }),
    errors: ["not_found", "ambiguous", "in_use", "no_space"],
  }),
  volumeRemove: method({
    name: "volume.remove",
    summary: "Removes a volume that no VM has, with all that is on it.",
    params: one,
    result: z.object({ id: volumeId, name }),
    errors: ["not_found", "ambiguous", "in_use", "no_space"],
  }),
};
