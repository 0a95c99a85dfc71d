#include "shutdown.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console.h"
#include "file.h"
#include "machine.h"

enum { PROGRAM_MAX = 4 * 1024 * 1024 };

// Where systemd looks for what an initrd leaves for the end.
static const char directory[] = "/run/initramfs";
static const char ctrl_alt_del[] = "/run/systemd/system/ctrl-alt-del.target";

static int keep_program(void) {
  char *bytes;
  size_t length;
  int error = file_read("/proc/self/exe", PROGRAM_MAX, &bytes, &length);
  if (error != 0) return error;
  mkdir(directory, 0755);
  int fd = open("/run/initramfs" SHUTDOWN_PROGRAM, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
  error = fd < 0 ? errno : file_write_all(fd, bytes, length);
  if (fd >= 0) close(fd);
  free(bytes);
  return error;
}

void shutdown_offer(void) {
  int error = keep_program();
  if (error != 0) console_warn("power off by a reset", error);
  mkdir("/run/systemd", 0755);
  mkdir("/run/systemd/system", 0755);
  if (symlink("/lib/systemd/system/poweroff.target", ctrl_alt_del) != 0) console_warn(ctrl_alt_del, errno);
}

_Noreturn void shutdown_end(const char *how) {
  // What is still used there is written, and not written any more.
  mount(NULL, "/oldroot", NULL, MS_REMOUNT | MS_RDONLY, NULL);
  umount2("/oldroot", MNT_DETACH);
  sync();
  if (strcmp(how, "reboot") == 0 || strcmp(how, "kexec") == 0) reboot(RB_AUTOBOOT);
  machine_power_off();
  // Only where the machine can't be ended: as PID 1 this is a kernel panic, which the host sees too.
  _exit(1);
}
