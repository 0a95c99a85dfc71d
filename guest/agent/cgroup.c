#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// clone3(2), of which the C libraries here know nothing, as <linux/sched.h> has it (CLONE_ARGS_SIZE_VER2).
struct clone_request {
  uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};
static const uint64_t clone_into_cgroup = 0x200000000;
#ifndef SYS_clone3
#define SYS_clone3 435
#endif

enum { GROUP_NAME_MAX = 64, GROUPS_MAX = 4096 };

// What can't be told to a cgroup is left: one that can't join runs where it is, one that can't be counted isn't.
static void tell(int group, const char *file, const char *text) {
  int fd = openat(group, file, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  ssize_t ignored = write(fd, text, strlen(text));
  (void)ignored;
  close(fd);
}

int cgroup_open(int parent, const char *name) {
  if (parent < 0) return -1;
  if (mkdirat(parent, name, 0755) != 0 && errno != EEXIST) return -1;
  return openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int cgroup_new(int parent, const char *prefix) {
  char name[GROUP_NAME_MAX];
  // Where the image's init has the kernel count memory, it counts that of each command too: so it says which one it killed.
  if (parent >= 0) tell(parent, "cgroup.subtree_control", "+memory");
  for (int number = 1; parent >= 0 && number <= GROUPS_MAX; number++) {
    snprintf(name, sizeof name, "%s%d", prefix, number);
    if (mkdirat(parent, name, 0755) == 0) return openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (errno != EEXIST) return -1;
  }
  return -1;
}

bool cgroup_oom_killed(int group) {
  char text[512];
  int fd = group < 0 ? -1 : openat(group, "memory.events", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  text[length < 0 ? 0 : length] = 0;
  const char *found = strstr(text, "\noom_kill ");
  return found != NULL && found[sizeof "\noom_kill " - 1] != '0';
}

pid_t cgroup_fork(int group) {
  if (group < 0) return fork();
  // Moving a process makes the kernel wait for all of its processors, some ten milliseconds; being born there costs nothing.
  struct clone_request request = {.flags = clone_into_cgroup, .exit_signal = SIGCHLD, .cgroup = (uint64_t)group};
  pid_t pid = (pid_t)syscall(SYS_clone3, &request, sizeof request);
  if (pid >= 0) return pid;
  pid = fork();
  if (pid == 0) tell(group, "cgroup.procs", "0");
  return pid;
}

bool cgroup_sweep(int parent, const char *prefix) {
  int fd = parent < 0 ? -1 : openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *directory = fd < 0 ? NULL : fdopendir(fd);
  if (directory == NULL) {
    if (fd >= 0) close(fd);
    return fd >= 0;
  }
  bool left = false;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0) continue;
    if (unlinkat(parent, entry->d_name, AT_REMOVEDIR) != 0) left = true;
  }
  closedir(directory);
  return left;
}
