#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "console.h"
#include "file.h"
#include "port.h"

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

// What the agent has to complain of goes to the kernel's log.
static void leave_console(void) {
  int input = open("/dev/null", O_RDWR | O_CLOEXEC), log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
  if (log < 0) log = input;
  dup2(input, 0);
  dup2(log, 1);
  dup2(log, 2);
}

static _Noreturn void become_agent(int program, const struct timeline *timeline) {
  char port[PORT_PATH_MAX], stages[64];
  setsid();
  int error = port_find("banger.agent", port);
  if (error != 0) console_die("find the agent's port", error);
  snprintf(stages, sizeof stages, "/proc/self/fd/%d", keep_timeline(timeline));
  char *argv[] = {(char[]){"banger-agent"}, (char[]){"--port"}, port, (char[]){"--timeline"}, stages, NULL};
  char *env[] = {NULL};
  int console = fcntl(2, F_DUPFD_CLOEXEC, 3);
  leave_console();
  fexecve(program, argv, env);
  error = errno;
  dup2(console, 2);
  console_die("start the agent", error);
}

pid_t launch_agent(int program, const struct timeline *timeline) {
  pid_t pid = fork();
  if (pid < 0) console_die("start the agent", errno);
  if (pid == 0) become_agent(program, timeline);
  close(program);
  return pid;
}
