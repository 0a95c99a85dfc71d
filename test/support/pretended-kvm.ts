import type { Sandbox } from "./sandbox.ts";

/**
 * Has the helper find KVM in a sandbox: a node of the device, a CPU with hardware virtualisation, and a probe that tries nothing.
 * No guest runs with it.
 */
export async function pretendKvm(sandbox: Sandbox): Promise<void> {
  await sandbox.root(`
    if [ ! -e /dev/kvm ] && [ "$(findmnt --noheadings --output FSTYPE /dev)" = devtmpfs ]; then
      # One of the sandbox's own: a node in the host's would be seen by all.
      mkdir /mnt/dev /mnt/dev/pts /mnt/dev/shm /mnt/dev/net
      cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /mnt/dev
      [ ! -e /dev/mapper ] || cp -a /dev/mapper /mnt/dev
      mknod -m 666 /mnt/dev/net/tun c 10 200
      ln -s /proc/self/fd /mnt/dev/fd; ln -s pts/ptmx /mnt/dev/ptmx
      mount --bind /mnt/dev /dev; mount -t devpts -o newinstance,ptmxmode=666 devpts /dev/pts
    fi
    [ -e /dev/kvm ] || touch /dev/kvm
    mknod -m 666 /mnt/kvm c 10 232; mount --bind /mnt/kvm /dev/kvm
    sed 's/^flags[[:space:]]*:/& vmx/' /proc/cpuinfo >/mnt/cpuinfo; mount --bind /mnt/cpuinfo /proc/cpuinfo
    printf '#!/bin/sh\\nexit 0\\n' >/mnt/kvm-probe; chmod 755 /mnt/kvm-probe
    mount --bind /mnt/kvm-probe /mnt/banger/dist/kvm-probe`);
}
