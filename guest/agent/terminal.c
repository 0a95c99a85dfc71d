#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static int configure(int host, const struct terminal_size *size) {
  struct termios modes;
  int locked = 0;
  // What a guest's programs write and read is UTF-8 as a rule: LANG says so too.
  if (tcgetattr(host, &modes) != 0) return errno;
  modes.c_iflag |= IUTF8;
  if (tcsetattr(host, TCSANOW, &modes) != 0 || ioctl(host, TIOCSPTLCK, &locked) != 0) return errno;
  terminal_resize(host, size);
  return 0;
}

int terminal_open(const struct terminal_size *size, int *host, int *command) {
  int error = 0;
  *command = -1;
  *host = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (*host < 0) return errno;
  error = configure(*host, size);
  // By no path: what is mounted where in the guest doesn't matter.
  if (error == 0) *command = ioctl(*host, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (error == 0 && *command < 0) error = errno;
  if (error == 0) return 0;
  close(*host);
  *host = -1;
  return error;
}

void terminal_resize(int host, const struct terminal_size *size) {
  ioctl(host, TIOCSWINSZ, &(struct winsize){.ws_row = size->rows, .ws_col = size->columns});
}

int terminal_front(int host) {
  int group = 0;
  return ioctl(host, TIOCGPGRP, &group) == 0 && group > 0 ? group : 0;
}

int terminal_control(int command) { return ioctl(command, TIOCSCTTY, 0) == 0 ? 0 : errno; }
