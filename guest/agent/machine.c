#include "machine.h"

#include <stddef.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cmdline.h"

// reboot(2)'s, which the C libraries have no function for: `Restarting system with command 'power off'`, says the kernel.
static const unsigned magic = 0xfee1dead, magic2 = 672274793, restart_with_command = 0xa1b2c3d4;
static const char command[] = "power off";

bool machine_only_resets(void) {
  char text[CMDLINE_MAX + 1];
  cmdline_read(text);
  return cmdline_has(text, "banger.power_off=reset");
}

void machine_power_off(void) {
  if (machine_only_resets()) {
    syscall(SYS_reboot, magic, magic2, restart_with_command, command);
  } else {
    reboot(RB_POWER_OFF);
  }
}
