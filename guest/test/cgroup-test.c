#include "cgroup.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static bool is_there(int parent, const char *name) {
  struct stat status;
  return fstatat(parent, name, &status, 0) == 0;
}

// An ordinary directory stands for cgroup2: making, numbering and removing are the same.
static void numbers_and_sweeps(int parent) {
  int first = cgroup_new(parent, "exec-"), second = cgroup_new(parent, "exec-"), other = cgroup_open(parent, "agent");
  CHECK(first >= 0 && second >= 0 && other >= 0 && is_there(parent, "exec-1") && is_there(parent, "exec-2"));
  CHECK(mkdirat(first, "busy", 0755) == 0);
  CHECK(cgroup_sweep(parent, "exec-"));
  CHECK(is_there(parent, "exec-1") && !is_there(parent, "exec-2") && is_there(parent, "agent"));
  CHECK(unlinkat(first, "busy", AT_REMOVEDIR) == 0);
  CHECK(!cgroup_sweep(parent, "exec-") && !is_there(parent, "exec-1"));
  CHECK(cgroup_open(parent, "agent") >= 0);
}

// A directory of another file system is no cgroup, so clone3 refuses it: the child is there all the same.
static void forks_without(int group) {
  int status;
  pid_t pid = cgroup_fork(group);
  if (pid == 0) _exit(7);
  CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static void write_events(int group, const char *text) {
  int fd = openat(group, "memory.events", O_WRONLY | O_CREAT | O_TRUNC, 0644);
  CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

static void says_who_was_killed(int group) {
  CHECK(!cgroup_oom_killed(-1) && !cgroup_oom_killed(group));
  write_events(group, "low 0\nhigh 0\nmax 0\noom 3\noom_kill 0\noom_group_kill 0\n");
  CHECK(!cgroup_oom_killed(group));
  write_events(group, "low 0\nhigh 0\nmax 0\noom 3\noom_kill 12\noom_group_kill 0\n");
  CHECK(cgroup_oom_killed(group));
  CHECK(unlinkat(group, "memory.events", 0) == 0);
}

int main(void) {
  char path[] = "/tmp/banger-cgroup-XXXXXX";
  CHECK(mkdtemp(path) != NULL);
  int parent = open(path, O_RDONLY | O_DIRECTORY);
  numbers_and_sweeps(parent);
  forks_without(parent);
  forks_without(-1);
  says_who_was_killed(parent);
  CHECK(cgroup_open(-1, "x") == -1 && cgroup_new(-1, "x") == -1 && !cgroup_sweep(-1, "x"));
  CHECK(unlinkat(parent, "agent", AT_REMOVEDIR) == 0 && rmdir(path) == 0);
  puts("ok cgroup");
  return 0;
}
