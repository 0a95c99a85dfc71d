#include "login.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console.h"
#include "file.h"

#define DIRECTORY "/run/systemd/system"

// In place of systemd's own serial-getty@.service, which waits for udev to tell of the device: an image may have none.
static const char unit[] =
    "[Unit]\n"
    "Description=Login on the serial console\n"
    "After=systemd-user-sessions.service getty-pre.target\n"
    "Before=getty.target\n"
    "IgnoreOnIsolate=yes\n"
    "[Service]\n"
    "ExecStart=-/sbin/agetty --autologin root --wait-cr --noclear --keep-baud 115200 - vt220\n"
    "Type=idle\n"
    "Restart=always\n"
    "UtmpIdentifier=ttyS0\n"
    "StandardInput=tty\n"
    "StandardOutput=tty\n"
    "TTYPath=/dev/ttyS0\n"
    "IgnoreSIGPIPE=no\n"
    "SendSIGHUP=yes\n";

void login_offer(void) {
  mkdir("/run/systemd", 0755);
  mkdir(DIRECTORY, 0755);
  int fd = open(DIRECTORY "/serial-getty@ttyS0.service", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  int error = fd < 0 ? errno : file_write_all(fd, unit, strlen(unit));
  if (fd >= 0) close(fd);
  if (error != 0) console_warn("login on the console", error);
}
