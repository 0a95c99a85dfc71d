#ifndef BANGER_CGROUP_H
#define BANGER_CGROUP_H

#include <stdbool.h>
#include <sys/types.h>

// Control groups (cgroup2) below a directory that is held open. Where there is none, -1 stands for it, and all is done
// without them.

// Opens the group `name` below `parent`, making it when it isn't there. Returns a descriptor, or -1 with errno.
int cgroup_open(int parent, const char *name);

// Makes a new group below `parent`, called `prefix` and a number. Returns a descriptor, or -1 with errno.
int cgroup_new(int parent, const char *prefix);

// Forks; the child is in the group from its first instruction on.
pid_t cgroup_fork(int group);

// True when the kernel killed something in the group because memory was short; false also where it doesn't count that.
bool cgroup_oom_killed(int group);

// Removes the groups below `parent` whose names begin with `prefix` and in which nothing runs. Returns true when some
// are left.
bool cgroup_sweep(int parent, const char *prefix);

#endif
