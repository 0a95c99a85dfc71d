#ifndef BANGER_CHILD_H
#define BANGER_CHILD_H

#include <sys/types.h>

#include "exec-request.h"

// What the names of commands' cgroups begin with.
#define EXEC_CGROUP "exec-"

// A started command and the agent's ends of its pipes, or of its terminal, which don't block.
struct child {
  pid_t pid;
  // -1 when the request left stdin closed: the command reads /dev/null.
  int in;
  int out;
  // -1 where both outputs are a terminal's.
  int err;
  // The command's side of its terminal, kept while it runs so that the terminal outlives who has it open; else -1.
  int terminal;
  // Has a child_failure in it once the process has ended without becoming the command.
  int failure;
  // Its cgroup; -1 where there is none.
  int cgroup;
};

enum { CHILD_FAILURE_TEXT_MAX = 256 };

struct child_failure {
  int error;
  // It is the program that can't be run, not what it was to be run with.
  bool program;
  char text[CHILD_FAILURE_TEXT_MAX];
};

// Starts the command in a session and a cgroup (below `cgroups`) of its own. Returns 0 or an errno.
int child_start(const struct exec_request *request, int cgroups, struct child *child);

// Closes a descriptor that may be -1, and makes it so.
void child_close(int *fd);

#endif
