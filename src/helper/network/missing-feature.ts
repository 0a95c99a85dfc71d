import { KernelError } from "../kernel/libc.ts";

const [ENOENT, EINVAL, EPROTONOSUPPORT, EOPNOTSUPP] = [2, 22, 93, 95];

/** By the work that was refused: how the kernel says that it lacks what the work needs, and what to do about it. */
const features: readonly { readonly work: RegExp; readonly errnos: readonly number[]; readonly hint: string }[] = [
  {
    work: /^bridge make$/,
    errnos: [EOPNOTSUPP],
    hint: "The kernel knows no bridges: `modprobe bridge` as root, and `bridge` in /etc/modules-load.d keeps it so.",
  },
  {
    work: /^rules (find|put)$/,
    errnos: [ENOENT, EINVAL, EPROTONOSUPPORT, EOPNOTSUPP],
    hint: "The kernel lacks a part of nf_tables: `modprobe -a nf_tables nft_chain_nat nft_masq nft_redir nft_ct` as root.",
  },
];
const readOnly =
  "/proc/sys can't be written: set it with sysctl before (`net.ipv4.ip_forward = 1`, `net.ipv6.conf.default.disable_ipv6 = 1`), or start bangerd-root without ProtectKernelTunables.";
const noTun = "The kernel has no taps: `modprobe tun` as root; a container needs the device /dev/net/tun.";

/** The next step where a refusal means that the host's kernel lacks something, or is closed to us; undefined where it may mean anything. */
export function missingFeature(work: string, refusal: Error): string | undefined {
  const { code = "", path = "" } = refusal as NodeJS.ErrnoException;
  if (path === "/dev/net/tun" && ["ENOENT", "ENODEV", "ENXIO", "EACCES", "EPERM"].includes(code)) return noTun;
  if (path.startsWith("/proc/sys/") && ["EROFS", "EACCES", "EPERM"].includes(code)) return readOnly;
  if (!(refusal instanceof KernelError)) return undefined;
  return features.find((feature) => feature.work.test(work) && feature.errnos.includes(refusal.errno))?.hint;
}
