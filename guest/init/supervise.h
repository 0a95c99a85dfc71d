#ifndef BANGER_SUPERVISE_H
#define BANGER_SUPERVISE_H

#include "host-way.h"

// What the agent is started with, again and again.
struct supervised {
  // Descriptors of its program, and of the boot's stages, which only the first one tells.
  int program;
  int timeline;
  struct host_way way;
  // Of the cgroup below which commands have theirs, and of its own; -1: none.
  int cgroups;
  int cgroup;
};

// Starts the agent, and again when it has ended, whoever ended it; SIGTERM ends both. It allocates nothing any more, and
// the kernel spares it and the agent when memory is short. Dies when the first agent can't be started.
_Noreturn void supervise(const struct supervised *agent);

#endif
