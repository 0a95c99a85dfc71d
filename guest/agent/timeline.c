#include "timeline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bytes.h"

uint64_t boottime_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void timeline_add(struct timeline *timeline, const char *name, uint64_t begin, uint64_t end) {
  if (timeline->count == TIMELINE_STAGES_MAX) return;
  struct stage *stage = &timeline->stages[timeline->count++];
  snprintf(stage->name, sizeof stage->name, "%s", name);
  stage->begin = begin;
  stage->end = end;
}

void timeline_end_open(struct timeline *timeline, uint64_t end) {
  for (size_t i = 0; i < timeline->count; i++) {
    if (timeline->stages[i].end == 0) timeline->stages[i].end = end;
  }
}

int timeline_write(const struct timeline *timeline, int fd) {
  for (size_t i = 0; i < timeline->count; i++) {
    const struct stage *stage = &timeline->stages[i];
    if (dprintf(fd, "%s %" PRIu64 " %" PRIu64 "\n", stage->name, stage->begin, stage->end) < 0) return errno;
  }
  return 0;
}

int timeline_read(struct timeline *timeline, const char *path) {
  FILE *file = fopen(path, "re");
  if (file == NULL) return errno;
  char name[TIMELINE_NAME_MAX + 1];
  uint64_t begin, end;
  while (fscanf(file, "%32[a-z_] %20" SCNu64 " %20" SCNu64 " ", name, &begin, &end) == 3) timeline_add(timeline, name, begin, end);
  fclose(file);
  return 0;
}

size_t timeline_encode(const struct timeline *timeline, uint8_t *at) {
  uint8_t *start = at;
  for (size_t i = 0; i < timeline->count; i++) {
    const struct stage *stage = &timeline->stages[i];
    size_t length = strlen(stage->name);
    *at++ = (uint8_t)length;
    memcpy(at, stage->name, length);
    put_u64(at + length, stage->begin);
    put_u64(at + length + 8, stage->end);
    at += length + 16;
  }
  return (size_t)(at - start);
}
