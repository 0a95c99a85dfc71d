#ifndef BANGER_LAUNCH_H
#define BANGER_LAUNCH_H

#include <sys/types.h>

#include "timeline.h"

// Copies a program into memory, where it can be started when its file is gone. Returns a descriptor; dies when it can't.
int launch_keep(const char *path);

// Starts the supervisor of the agent so kept, with the boot's stages, and returns its process. It waits for the agent's
// way to the host by itself, so that the image's own init isn't kept from starting. Dies, and in the new process too,
// when it can't. `cgroups`: where both are given theirs, or -1.
pid_t launch_agent(int program, int cgroups, const struct timeline *timeline);

#endif
