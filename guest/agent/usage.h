#ifndef BANGER_USAGE_H
#define BANGER_USAGE_H

#include <stdint.h>

// The machine's memory as its kernel counts it, in bytes; 0 for what it doesn't say.
struct usage {
  uint64_t total;
  // What can be had without swapping.
  uint64_t available;
};

// Reads what /proc/meminfo says (proc(5)); `proc`: that directory.
void usage_read(struct usage *usage, int proc);

#endif
