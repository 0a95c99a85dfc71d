import type { z } from "zod";
import { sizeText, timeText } from "../../rpc/amount-text.ts";
import { vmContract } from "../../rpc/contract/vm-methods.ts";
import { vmDefaults } from "../../rpc/contract/vm-defaults.ts";
import { fileSync, fileSyncText } from "./file-sync.ts";
import { labels, oneOf, size, time, truth } from "./file-values.ts";

/** A value as the file has it; null where nothing is set. */
export type FileValue = string | number | boolean | Readonly<Record<string, string>> | readonly string[] | null;

/** A key of the config file, declared once: what it may be, what it is without the file, what it is for. */
export interface ConfigKey<S extends z.ZodType = z.ZodType> {
  readonly schema: S;
  readonly builtIn: z.output<S> | null;
  readonly summary: string;
  /** What a line of the file has behind its `=`. */
  readonly example: string;
  /** A value as the file has it. */
  readonly show: (value: z.output<S>) => FileValue;
}

function key<S extends z.ZodType>(declared: Omit<ConfigKey<S>, "show"> & Partial<ConfigKey<S>>): ConfigKey<S> {
  return { show: (value) => value as FileValue, ...declared };
}

/** What the wire takes sets the limits here too. */
const wire = vmContract.vmCreate.params.shape;
const showTime = (seconds: number) => (seconds === 0 ? "0" : timeText.show(seconds));

/** The section of the keys that stand above all sections. */
export const noSection = "";

/** A key's path, as TOML has it. */
export function keyPath(section: string, name: string): string {
  return section === noSection ? name : `${section}.${name}`;
}

/** Each section's keys, in the order in which they are told; those of no section come first, as they must in the file. */
export const configKeys = {
  [noSection]: {
    file_sync: key({
      schema: fileSync,
      builtIn: null,
      summary:
        "what of your home goes into each guest, at each of its starts: files and directories, each a path below your home (to the same place below `/root`), or a table with `path`, `to` (a place in the guest) and `user` (whose it is there, and below whose home)",
      example: '[".gitconfig", { path = "keys/deploy", to = ".ssh/id_ed25519", user = "dev" }]',
      show: (entries) => entries.map(fileSyncText),
    }),
  },
  defaults: {
    cpus: key({
      schema: wire.cpus.unwrap(),
      builtIn: vmDefaults.cpus,
      summary: "virtual CPUs",
      example: "2",
    }),
    memory: key({
      schema: size(wire.memory_mib.unwrap()),
      builtIn: vmDefaults.memory_mib,
      summary: "memory",
      example: '"1G"',
      show: sizeText.show,
    }),
    disk: key({
      schema: size(wire.disk_mib.unwrap()),
      builtIn: vmDefaults.disk_mib,
      summary: "size of the root disk; what the image has when that is more",
      example: '"40G"',
      show: sizeText.show,
    }),
    disk_kind: key({
      schema: oneOf(wire.disk_kind.unwrap().options),
      builtIn: vmDefaults.disk_kind,
      summary: "how the root disk comes from the image",
      example: '"qcow2"',
    }),
    vmm: key({
      schema: oneOf(wire.vmm.unwrap().options),
      builtIn: vmDefaults.vmm,
      summary: "what runs a VM; auto: Firecracker where it and KVM can be used, else QEMU",
      example: '"qemu"',
    }),
    accel: key({
      schema: oneOf(wire.accel.unwrap().options),
      builtIn: vmDefaults.accel,
      summary: "how a guest's instructions are run; auto: by KVM where that can be used",
      example: '"tcg"',
    }),
    image: key({
      schema: wire.image.unwrap(),
      builtIn: null,
      summary: "the image; the one that `image default` names, where nothing is set",
      example: '"debian"',
    }),
    kernel: key({
      schema: wire.kernel.unwrap(),
      builtIn: null,
      summary: "the kernel; the one that `kernel default` names, where nothing is set",
      example: '"cloud"',
    }),
    network: key({
      schema: oneOf(wire.network.unwrap().options),
      builtIn: vmDefaults.network,
      summary: "what a guest's network reaches",
      example: '"isolated"',
    }),
    ttl: key({
      schema: time(wire.ttl_s.unwrap()),
      builtIn: vmDefaults.ttl_s,
      summary: "stop a VM when it has run for so long; 0: never",
      example: '"8h"',
      show: showTime,
    }),
    idle: key({
      schema: time(wire.idle_s.unwrap()),
      builtIn: vmDefaults.idle_s,
      summary: "stop a VM when nobody has used it for so long; 0: never",
      example: '"30m"',
      show: showTime,
    }),
    autostart: key({
      schema: truth,
      builtIn: vmDefaults.autostart,
      summary: "start a VM with the daemon, once after each boot of the host",
      example: "true",
    }),
    on_reboot: key({
      schema: oneOf(wire.on_reboot.unwrap().options),
      builtIn: vmDefaults.on_reboot,
      summary: "when a guest reboots: start it again, or leave it stopped",
      example: '"stop"',
    }),
    labels: key({
      schema: labels,
      builtIn: null,
      summary: "labels that each VM gets besides its own",
      example: '{ team = "infra" }',
    }),
  },
} as const satisfies Record<string, Record<string, ConfigKey>>;

type Keys = typeof configKeys;
type ValuesOf<S extends keyof Keys> = {
  readonly [K in keyof Keys[S]]?: Keys[S][K] extends ConfigKey<infer Z> ? z.output<Z> : never;
};
/** What a file says, a section and a key each: in the wire's units, and only what stands there. */
export type ConfigValues = ValuesOf<typeof noSection> & {
  readonly [S in Exclude<keyof Keys, typeof noSection>]: ValuesOf<S>;
};

/** What a file's values have of a section. */
export function valuesOf(values: ConfigValues, section: string): Readonly<Record<string, unknown>> {
  return (section === noSection ? values : ((values as Record<string, unknown>)[section] ?? {})) as Record<
    string,
    unknown
  >;
}
