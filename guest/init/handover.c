#include "handover.h"

#include <errno.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "console.h"
#include "power.h"

static const char *const inits[] = {"/sbin/init", "/lib/systemd/systemd", "/bin/init"};

static void become_image_init(void) {
  for (size_t i = 0; i < sizeof inits / sizeof inits[0]; i++) {
    char *argv[] = {(char *)(size_t)inits[i], NULL};
    execv(inits[i], argv);
    if (errno != ENOENT) console_warn(inits[i], errno);
  }
}

// What an init of the image would have mounted, and most programs want.
static void mount_for_programs(void) {
  mkdir("/dev/shm", 01777);
  mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
  mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
}

static void reap(pid_t supervisor) {
  pid_t ended;
  while ((ended = waitpid(-1, NULL, WNOHANG)) > 0) {
    if (ended == supervisor) console_die("the agent's supervisor", ECHILD);
  }
  if (ended < 0 && errno != EINTR) console_die("wait", errno);
}

_Noreturn void handover(pid_t supervisor) {
  become_image_init();
  mount_for_programs();
  // Ctrl-Alt-Del, the power button of a machine that has no other, is told by SIGINT from here on; it would reset the machine at once.
  sigset_t awaited;
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGCHLD);
  sigaddset(&awaited, SIGINT);
  sigprocmask(SIG_BLOCK, &awaited, NULL);
  reboot(RB_DISABLE_CAD);
  for (;;) {
    reap(supervisor);
    if (sigwaitinfo(&awaited, NULL) == SIGINT) power_end(POWER_OFF);
  }
}
