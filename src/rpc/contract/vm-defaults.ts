/** What a VM is made with where neither its maker nor the owner's config file says otherwise; what is null has no one value. */
export const vmDefaults = {
  cpus: 1,
  memory_mib: 512,
  /** What its image has, when that is more. */
  disk_mib: 20_480,
  network: "nat",
  disk_kind: "auto",
  vmm: "auto",
  accel: "auto",
  ttl_s: 0,
  idle_s: 0,
  autostart: false,
  on_reboot: "restart",
} as const;
