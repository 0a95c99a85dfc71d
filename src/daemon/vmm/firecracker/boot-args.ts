/** Kernel parameters that every guest gets, as under QEMU where they mean something here. */
const parameters = [
  "console=ttyS0",
  // The one that there is.
  "8250.nr_uarts=1",
  "quiet",
  // A panic is said on the console; nothing less is.
  "loglevel=1",
  "panic=-1",
  // By the keyboard's controller: that ends the VMM.
  "reboot=k",
  // A power-off would leave the guest standing still: init and agent reset it, and the kernel's last words say which it was.
  "banger.power_off=reset",
  // Devices are virtio-mmio's, which the VMM names itself.
  "pci=off",
  // Of the controller, nothing is probed that isn't there; its keyboard has ctrl-alt-del.
  "i8042.noaux",
  "i8042.nomux",
  "i8042.dumbkbd",
  "cryptomgr.notests",
  "tsc=reliable",
  "no_timer_check",
  "noreplace-smp",
  "audit=0",
  "random.trust_cpu=on",
];

/** The guest kernel's command line. */
export const bootArgs = parameters.join(" ");
