#ifndef BANGER_IDENTITY_H
#define BANGER_IDENTITY_H

#include "config.h"

// Gives the machine on the disk at `root` its name, what it needs to find others by theirs, a machine-id, keys and host key, the keys from the files in `given`.
// What fails is told on the console and left: the host still reaches the agent.
void identity_apply(const char *root, const char *given, const struct config *config);

#endif
