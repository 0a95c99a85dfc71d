#include "console.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "machine.h"

void console_open(void) {
  int fd = open("/dev/console", O_RDWR | O_NOCTTY);
  if (fd < 0) fd = open("/dev/null", O_RDWR);
  for (int stream = 0; fd >= 0 && stream <= 2; stream++) {
    if (fd != stream) dup2(fd, stream);
  }
  if (fd > 2) close(fd);
}

void console_leave(void) {
  int input = open("/dev/null", O_RDWR | O_CLOEXEC), log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
  if (log < 0) log = input;
  dup2(input, 0);
  dup2(log, 1);
  dup2(log, 2);
}

void console_warn(const char *what, int error) {
  dprintf(2, "banger-init: %s: %s\n", what, strerror(error));
  // A serial console sends from a buffer, which powering off would lose.
  tcdrain(2);
}

_Noreturn void console_die(const char *what, int error) {
  console_warn(what, error);
  sync();
  machine_power_off();
  // Only where the machine can't be powered off: as PID 1 this is a kernel panic, which the host sees too.
  _exit(1);
}
