// init: PID 1 of the initrd. From a kernel that has just started to a command that can run in the root disk.
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroups.h"
#include "config.h"
#include "console.h"
#include "disk.h"
#include "file.h"
#include "handover.h"
#include "identity.h"
#include "launch.h"
#include "login.h"
#include "machine.h"
#include "modules.h"
#include "network.h"
#include "shutdown.h"
#include "switch-root.h"
#include "timeline.h"
#include "volumes.h"

static void mount_kernel_file_system(const char *type, const char *at, unsigned long flags) {
  mkdir(at, 0755);
  // devtmpfs may be there already, as some kernels are told to mount it themselves.
  if (mount(type, at, type, flags, NULL) != 0 && errno != EBUSY) console_die(at, errno);
}

// Programs take these for granted; udev would make them later.
static void link_descriptors(void) {
  static const char *const links[][2] = {
      {"/proc/self/fd", "/dev/fd"}, {"fd/0", "/dev/stdin"}, {"fd/1", "/dev/stdout"}, {"fd/2", "/dev/stderr"}};
  for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
    if (symlink(links[i][0], links[i][1]) != 0 && errno != EEXIST) console_warn(links[i][1], errno);
  }
}

// Commands may be given a terminal before the image's init has mounted these, as it would; it finds them mounted.
static void mount_terminals(void) {
  mkdir("/dev/pts", 0755);
  if (mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=620,gid=5,ptmxmode=666") != 0) console_warn("/dev/pts", errno);
}

static void prepare_kernel(void) {
  mount_kernel_file_system("devtmpfs", "/dev", MS_NOSUID);
  console_open();
  mount_kernel_file_system("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  mount_kernel_file_system("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  link_descriptors();
  mount_terminals();
  modules_load("/banger");
}

static void read_config(struct config *config) {
  char *text, what[64];
  size_t length;
  int error = file_read("/banger/config", CONFIG_FILE_MAX, &text, &length);
  if (error != 0) console_die("/banger/config", error);
  unsigned line = config_parse(text, config);
  free(text);
  if (line == 0) return;
  snprintf(what, sizeof what, "/banger/config line %u", line);
  console_die(what, EINVAL);
}

static void be_somebody(const struct config *config) {
  if (config->hostname[0] != 0 && sethostname(config->hostname, strnlen(config->hostname, HOSTNAME_MAX)) != 0) {
    console_warn("set hostname", errno);
  }
  network_configure(config);
  identity_apply("/root", "/banger", config);
}

// Ends the stage that began at `begin` now, and returns when that is.
static uint64_t end_stage(struct timeline *timeline, const char *name, uint64_t begin) {
  uint64_t now = boottime_ns();
  timeline_add(timeline, name, begin, now);
  return now;
}

static bool is_program(const char *path) { return access(path, X_OK) == 0; }

// Leaves in /run what systemd, where the image has it, is to find there.
static void prepare_systemd(void) {
  struct stat status;
  bool offers_login = is_program("/sbin/agetty"), only_resets = machine_only_resets();
  if (!is_program("/lib/systemd/systemd") || (!offers_login && !only_resets)) return;
  if (lstat("/run", &status) != 0 || !S_ISDIR(status.st_mode)) return;
  // systemd finds it mounted, as it does after any other initrd.
  if (mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=20%") != 0) {
    console_warn("/run", errno);
    return;
  }
  if (offers_login) login_offer();
  if (only_resets) shutdown_offer();
}

int main(int argc, char **argv) {
  static struct timeline timeline;
  static struct config config;
  static struct disk_grown grown[VOLUMES_MAX];
  if (getpid() != 1) {
    fprintf(stderr, "banger-init: only the kernel starts this, as the first process of an initrd\n");
    return 1;
  }
  if (argc >= 2 && strcmp(argv[0], SHUTDOWN_PROGRAM) == 0) shutdown_end(argv[1]);
  uint64_t at = end_stage(&timeline, "kernel", 0);
  prepare_kernel();
  read_config(&config);
  at = end_stage(&timeline, "init", at);
  mkdir("/root", 0755);
  disk_mount("/dev/vda", "/root", 0, "root disk");
  at = end_stage(&timeline, "root_mount", at);
  size_t volumes = volumes_mount("/root", &config, grown);
  if (volumes > 0) at = end_stage(&timeline, "volumes", at);
  be_somebody(&config);
  at = end_stage(&timeline, "identity", at);
  int agent = launch_keep("/banger/agent");
  switch_root("/root");
  prepare_systemd();
  // The agent ends this one, when it first can answer.
  timeline_add(&timeline, "ready", at, 0);
  pid_t supervisor = launch_agent(agent, cgroups_open(), &timeline);
  disk_tend("/dev/vda", grown, volumes);
  handover(supervisor);
}
