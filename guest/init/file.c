#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int fd, char *bytes, size_t size, size_t *length) {
  *length = 0;
  while (*length < size) {
    ssize_t got = read(fd, bytes + *length, size - *length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) return 0;
    *length += (size_t)got;
  }
  return 0;
}

int file_read(const char *path, size_t max, char **bytes, size_t *length) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  int error = file_read_open(fd, max, bytes, length);
  close(fd);
  return error;
}

int file_read_open(int fd, size_t max, char **bytes, size_t *length) {
  int error = 0;
  struct stat status;
  *bytes = NULL;
  if (fstat(fd, &status) != 0) error = errno;
  if (error == 0 && !S_ISREG(status.st_mode)) error = EINVAL;
  if (error == 0 && (status.st_size < 0 || (size_t)status.st_size > max)) error = EFBIG;
  if (error == 0 && (*bytes = malloc((size_t)status.st_size + 1)) == NULL) error = ENOMEM;
  if (error == 0) error = read_all(fd, *bytes, (size_t)status.st_size, length);
  if (error == 0) {
    (*bytes)[*length] = 0;
  } else {
    free(*bytes);
  }
  return error;
}

int file_write_all(int fd, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(fd, bytes, length);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes += written;
    length -= (size_t)written;
  }
  return 0;
}

int file_line(const char *path, char *line, size_t size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  size_t length = 0;
  int error = read_all(fd, line, size - 1, &length);
  close(fd);
  if (error != 0) return error;
  line[length] = 0;
  line[strcspn(line, "\n")] = 0;
  return 0;
}
