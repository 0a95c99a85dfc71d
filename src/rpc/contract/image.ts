import { z } from "zod";
import { amount, digest, name, path, reference, timestamp } from "./fields.ts";
import { method } from "./method.ts";

/** A root file system that VMs start from; it never changes. */
const image = z.object({
  id: digest,
  name,
  /** Bytes of the ext4 file system, its holes too: only what it holds takes space. */
  size: z.int(),
  /** Where it came from, in words: `debian bookworm`, or the name of the imported file. */
  source: z.string(),
  created_at: timestamp,
  /** True for the one that a VM is made of when none is named. */
  default: z.boolean().optional(),
  /** True where its files are gone or cut off, and its record is not. */
  missing: z.boolean().optional(),
});

/** An image as the wire has it. */
export type Image = z.output<typeof image>;

const asDefault = z.boolean().optional().describe("take it from now on where none is named");
const one = z.object({ image: reference.describe("name, id or a unique prefix") });
const size = amount(64, 1_048_576, "MiB")
  .optional()
  .describe("the file system's size; by default 20G; what unpacks to more needs it");

/** The methods on images. */
export const imageContract = {
  imageBuild: method({
    name: "image.build",
    summary: "Makes an image of a distribution from its packages, as the owner and without root.",
    params: z.object({
      recipe: z.enum(["debian"]).describe("the distribution"),
      suite: z
        .string()
        .regex(/^[a-z]{2,20}$/)
        .default("bookworm")
        .describe("the distribution's release"),
      packages: z
        .array(z.string().regex(/^[a-z0-9][a-z0-9.+-]{1,100}$/))
        .max(200)
        .default([])
        .describe("a package to add (may be repeated)"),
      size_mib: size,
      name: name.optional().describe("what to call it; the suite by default"),
      default: asDefault,
    }),
    result: image,
    errors: ["already_exists", "missing_tool", "command_failed", "no_space"],
    begins: true,
  }),
  imageImport: method({
    name: "image.import",
    summary: "Takes a tar archive of a root file system, an ext4 file system, or a raw or qcow2 disk that has one.",
    params: z.object({
      source: path.describe("the tar (plain or compressed: gz, xz, bz2, zst, lz4), ext4, raw or qcow2 file"),
      name: name.optional().describe("what to call it; by default as the file, without its endings"),
      size_mib: size,
      default: asDefault,
      partition: z
        .int()
        .min(1)
        .max(1_024)
        .optional()
        .describe("of a disk, the partition that is the root; found by default"),
    }),
    result: image,
    errors: ["already_exists", "not_found", "bad_content", "missing_tool", "command_failed", "no_space"],
    begins: true,
  }),
  imageList: method({
    name: "image.list",
    summary: "Lists the images.",
    params: z.object({}),
    result: z.object({ images: z.array(image) }),
    errors: [],
    traced: false,
  }),
  imageShow: method({
    name: "image.show",
    summary: "Shows one image.",
    params: one,
    result: image.extend({ used_by: z.array(z.string()) }),
    errors: ["not_found", "ambiguous"],
    traced: false,
  }),
  imageDefault: method({
    name: "image.default",
    summary: "Makes an image the one that a VM is made of when none is named.",
    params: one,
    result: image,
    errors: ["not_found", "ambiguous", "no_space"],
  }),
  imageRemove: method({
    name: "image.remove",
    summary: "Removes an image that no VM uses.",
    params: one,
    result: z.object({ id: digest, name }),
    errors: ["not_found", "ambiguous", "in_use"],
  }),
};
