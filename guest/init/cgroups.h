#ifndef BANGER_CGROUPS_H
#define BANGER_CGROUPS_H

// Opens the cgroup in which the agent and what it runs have theirs, outside the tree of the image's own init. Returns a
// descriptor; -1, told on the console, where the kernel has no cgroup2: all goes on without.
int cgroups_open(void);

#endif
