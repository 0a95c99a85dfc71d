import type { Part } from "../vm/parts/part.ts";
import type { Capability } from "./capability.ts";

/** What capabilities prepare before a VM's VMM is started, as parts of the VM. */
export function preparedParts(capabilities: readonly Capability[]): Part[] {
  return capabilities.flatMap(({ name, prepareHost, cleanup, found }) =>
    prepareHost === undefined
      ? []
      : [
          {
            name: `prepare_${name}`,
            acquire: prepareHost,
            release: cleanup,
            ...(found === undefined ? {} : { found }),
          },
        ],
  );
}

/** What capabilities do when a command runs in the guest, as parts of the VM. */
export function startedParts(capabilities: readonly Capability[]): Part[] {
  return capabilities.flatMap(({ name, prepareHost, postStart, postStartWanted: wanted, cleanup, found }) => {
    if (postStart === undefined) return [];
    const release = prepareHost === undefined ? cleanup : { none: `released with prepare_${name}` };
    const finds = prepareHost === undefined && found !== undefined ? { found } : {};
    const where = wanted === undefined ? {} : { wanted };
    return [{ name: `post_start_${name}`, acquire: postStart, release, ...finds, ...where }];
  });
}
