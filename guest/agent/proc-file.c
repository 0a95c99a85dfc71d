#include "proc-file.h"

#include <fcntl.h>
#include <unistd.h>

FILE *proc_file_open(int proc, const char *path) {
  int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return NULL;
  FILE *file = fdopen(fd, "r");
  if (file == NULL) close(fd);
  return file;
}
