#include "usage.h"

#include <inttypes.h>
#include <stdio.h>

#include "proc-file.h"

enum { LINES_MAX = 256 };

void usage_read(struct usage *usage, int proc) {
  *usage = (struct usage){0};
  FILE *file = proc_file_open(proc, "meminfo");
  if (file == NULL) return;
  char line[128];
  for (int lines = 0; lines < LINES_MAX && fgets(line, sizeof line, file) != NULL; lines++) {
    uint64_t kib;
    // So few digits that it doesn't overflow in bytes.
    if (sscanf(line, "MemTotal: %15" SCNu64 " kB", &kib) == 1) usage->total = kib * 1024;
    if (sscanf(line, "MemAvailable: %15" SCNu64 " kB", &kib) == 1) usage->available = kib * 1024;
  }
  fclose(file);
}
