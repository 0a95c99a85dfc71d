#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "console.h"

// How long one waits that can't be started, or that ends at once.
static const struct timespec restart_pause = {.tv_nsec = 200000000};

static void say(const char *what, int number) {
  char line[128];
  int length = snprintf(line, sizeof line, "banger-supervisor: %s %d\n", what, number);
  ssize_t ignored = write(2, line, (size_t)length);
  (void)ignored;
}

static void outlive_memory_shortage(void) {
  int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, "-1000", 5) < 0) console_warn("oom_score_adj", errno);
  if (fd >= 0) close(fd);
}

static sigset_t awaited(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigaddset(&set, SIGTERM);
  return set;
}

// A descriptor as the agent is told of it, which it may keep.
static void keep_open(int fd, char *text, size_t size, const char *format) {
  fcntl(fd, F_SETFD, 0);
  snprintf(text, size, format, fd);
}

static int become_agent(const struct supervised *agent, bool first) {
  char vsock[16], cgroups[16], stages[64], *env[] = {NULL};
  // execve(2) takes strings that it doesn't change as ones that it might.
  const char *argv[8] = {"banger-agent", "--port", agent->way.port};
  size_t count = 3;
  if (agent->way.vsock >= 0) {
    keep_open(agent->way.vsock, vsock, sizeof vsock, "%d");
    argv[1] = "--vsock";
    argv[2] = vsock;
  }
  if (agent->cgroups >= 0) {
    keep_open(agent->cgroups, cgroups, sizeof cgroups, "%d");
    argv[count++] = "--cgroups";
    argv[count++] = cgroups;
  }
  if (first) {
    keep_open(agent->timeline, stages, sizeof stages, "/proc/self/fd/%d");
    argv[count++] = "--timeline";
    argv[count++] = stages;
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  fexecve(agent->program, (char **)(size_t)argv, env);
  return errno;
}

// Waits until the agent has ended, and returns how.
static int await_end(pid_t pid) {
  sigset_t set = awaited();
  for (int status;;) {
    if (waitpid(pid, &status, WNOHANG) == pid) return status;
    if (sigwaitinfo(&set, NULL) != SIGTERM) continue;
    kill(pid, SIGTERM);
    _exit(0);
  }
}

_Noreturn void supervise(const struct supervised *agent) {
  sigset_t set = awaited();
  int console = fcntl(2, F_DUPFD_CLOEXEC, 3);
  prctl(PR_SET_NAME, "banger-supervis");
  sigprocmask(SIG_BLOCK, &set, NULL);
  outlive_memory_shortage();
  console_leave();
  for (bool first = true;; first = false) {
    pid_t pid = cgroup_fork(agent->cgroup);
    if (pid == 0) {
      int error = become_agent(agent, first);
      if (!first) _exit(127);
      dup2(console, 2);
      console_die("start the agent", error);
    }
    // The console is the image's from here on.
    if (first) close(console);
    if (pid < 0) {
      say("can't start the agent, errno", errno);
    } else {
      int status = await_end(pid);
      if (WIFSIGNALED(status)) {
        say("the agent is started again; it was ended by signal", WTERMSIG(status));
      } else {
        say("the agent is started again; it ended with", WEXITSTATUS(status));
      }
    }
    nanosleep(&restart_pause, NULL);
  }
}
