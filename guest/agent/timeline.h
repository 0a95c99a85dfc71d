#ifndef BANGER_TIMELINE_H
#define BANGER_TIMELINE_H

#include <stddef.h>
#include <stdint.h>

enum { TIMELINE_STAGES_MAX = 32, TIMELINE_NAME_MAX = 32 };

// One stage of the boot, in nanoseconds of CLOCK_BOOTTIME; its end is 0 while it goes on.
struct stage {
  char name[TIMELINE_NAME_MAX + 1];
  uint64_t begin;
  uint64_t end;
};

struct timeline {
  struct stage stages[TIMELINE_STAGES_MAX];
  size_t count;
};

// CLOCK_BOOTTIME now, in nanoseconds.
uint64_t boottime_ns(void);

// Adds a stage; one too many is left out.
void timeline_add(struct timeline *timeline, const char *name, uint64_t begin, uint64_t end);

// Ends the stages that nobody has ended yet, whose end is 0.
void timeline_end_open(struct timeline *timeline, uint64_t end);

// Writes lines of `name begin end`, which timeline_read reads. Returns 0 or an errno.
int timeline_write(const struct timeline *timeline, int fd);

// Adds the stages in a file, up to the first line that timeline_write would not have written. Returns 0 or an errno.
int timeline_read(struct timeline *timeline, const char *path);

// Writes the payload of TIMELINE, at most FRAME_PAYLOAD_MAX bytes, and returns its length.
size_t timeline_encode(const struct timeline *timeline, uint8_t *at);

#endif
