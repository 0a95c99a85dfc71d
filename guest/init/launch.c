#include "launch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cgroup.h"
#include "console.h"
#include "file.h"
#include "host-way.h"
#include "supervise.h"

enum { PROGRAM_MAX = 16 * 1024 * 1024 };

int launch_keep(const char *path) {
  char *bytes;
  size_t length;
  int error = file_read(path, PROGRAM_MAX, &bytes, &length);
  if (error != 0) console_die(path, error);
  int fd = memfd_create("banger-agent", MFD_CLOEXEC);
  error = fd < 0 ? errno : file_write_all(fd, bytes, length);
  if (error != 0) console_die(path, error);
  free(bytes);
  return fd;
}

// In a file without a name, which the agent opens by the number of its descriptor.
static int keep_timeline(const struct timeline *timeline) {
  int fd = memfd_create("banger-timeline", 0);
  if (fd < 0) console_die("timeline", errno);
  int error = timeline_write(timeline, fd);
  if (error != 0) console_die("timeline", error);
  return fd;
}

static _Noreturn void become_supervisor(int program, int cgroups, const struct timeline *timeline) {
  static struct supervised agent;
  setsid();
  agent = (struct supervised){.program = program, .cgroups = cgroups, .cgroup = cgroup_open(cgroups, "agent")};
  int error = host_way_find("banger.agent", &agent.way);
  if (error != 0) console_die("find the agent's way to the host", error);
  agent.timeline = keep_timeline(timeline);
  supervise(&agent);
}

pid_t launch_agent(int program, int cgroups, const struct timeline *timeline) {
  int group = cgroup_open(cgroups, "supervisor");
  pid_t pid = cgroup_fork(group);
  if (pid < 0) console_die("start the agent's supervisor", errno);
  if (pid == 0) become_supervisor(program, cgroups, timeline);
  close(program);
  if (group >= 0) close(group);
  if (cgroups >= 0) close(cgroups);
  return pid;
}
