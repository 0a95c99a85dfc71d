import { BangerError } from "../../rpc/contract/errors.ts";
import type { ParamsOf } from "../../rpc/contract/method.ts";
import type { vmContract } from "../../rpc/contract/vm-methods.ts";
import { vmDefaults } from "../../rpc/contract/vm-defaults.ts";
import type { ReadConfig } from "../config/user-config.ts";
import { labelsOf } from "./labels.ts";

type Params = ParamsOf<typeof vmContract.vmCreate>;

/** A VM as it is to be made: what its maker says, else the owner's config file, else what is built in. `removeAtEnd`: it goes with the command that it is made for. */
export function wantedVm(params: Params, { values: { defaults } }: ReadConfig, { removeAtEnd = false } = {}) {
  if (removeAtEnd && params.autostart === true) {
    throw new BangerError(
      "bad_params",
      "autostart: a VM that goes with its command (--rm) is not there to be started",
      {
        details: { field: "autostart" },
      },
    );
  }
  const ttl = params.ttl_s ?? defaults.ttl ?? vmDefaults.ttl_s;
  const idle = params.idle_s ?? defaults.idle ?? vmDefaults.idle_s;
  return {
    image: params.image ?? defaults.image,
    kernel: params.kernel ?? defaults.kernel,
    cpus: params.cpus ?? defaults.cpus ?? vmDefaults.cpus,
    memory_mib: params.memory_mib ?? defaults.memory ?? vmDefaults.memory_mib,
    network: params.network ?? defaults.network ?? vmDefaults.network,
    labels: { ...defaults.labels, ...labelsOf(params.label) },
    disk_kind: params.disk_kind ?? defaults.disk_kind ?? vmDefaults.disk_kind,
    vmm: params.vmm ?? defaults.vmm ?? vmDefaults.vmm,
    accel: params.accel ?? defaults.accel ?? vmDefaults.accel,
    disk_mib: params.disk_mib,
    /** Where its maker names no size: an image may have more. */
    least_disk_mib: defaults.disk ?? vmDefaults.disk_mib,
    ttl_s: ttl === 0 ? null : ttl,
    idle_s: idle === 0 ? null : idle,
    autostart: !removeAtEnd && (params.autostart ?? defaults.autostart ?? vmDefaults.autostart),
    on_reboot: params.on_reboot ?? defaults.on_reboot ?? vmDefaults.on_reboot,
  };
}
