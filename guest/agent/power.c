#include "power.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine.h"

// systemd(1) names SIGRTMIN+4 (poweroff.target) and SIGRTMIN+5 (reboot.target), by glibc's SIGRTMIN. Other libcs
// keep another number of real-time signals to themselves.
enum { SYSTEMD_SIGRTMIN = 34, SYSTEMD_POWER_OFF = SYSTEMD_SIGRTMIN + 4, SYSTEMD_REBOOT = SYSTEMD_SIGRTMIN + 5 };

// As sd_booted(3) tells it.
static bool systemd_runs(void) {
  struct stat found;
  return lstat("/run/systemd/system", &found) == 0 && S_ISDIR(found.st_mode);
}

void power_end(enum power how) {
  if (systemd_runs() && kill(1, how == POWER_REBOOT ? SYSTEMD_REBOOT : SYSTEMD_POWER_OFF) == 0) return;
  sync();
  mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL);
  if (how == POWER_REBOOT) {
    reboot(RB_AUTOBOOT);
  } else {
    machine_power_off();
  }
}
