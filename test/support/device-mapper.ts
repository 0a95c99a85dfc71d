import { closeSync, openSync } from "node:fs";
import { noSandbox } from "./sandbox.ts";

/** Why tests that need device-mapper are left out here; undefined when they aren't. `scripts/lab` has a host where they run. */
export const noDeviceMapper = noSandbox ?? withoutControl();

function withoutControl(): string | undefined {
  try {
    closeSync(openSync("/dev/mapper/control", "r+"));
    return undefined;
  } catch (error) {
    return `needs device-mapper: /dev/mapper/control can't be opened (${(error as NodeJS.ErrnoException).code})`;
  }
}
