#include "handover.h"

#include <errno.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "console.h"

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

_Noreturn void handover(pid_t supervisor) {
  become_image_init();
  mount_for_programs();
  for (;;) {
    pid_t ended = wait(NULL);
    if (ended == supervisor) console_die("the agent's supervisor", ECHILD);
    if (ended < 0 && errno != EINTR) console_die("wait", errno);
  }
}
