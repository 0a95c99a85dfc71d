#include "root-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "file.h"

// openat2(2), of which the C libraries here know nothing.
struct how {
  uint64_t flags;
  uint64_t mode;
  uint64_t resolve;
};
enum { RESOLVE_IN_ROOT_FLAG = 0x10 };
#ifndef SYS_openat2
#define SYS_openat2 437
#endif

int root_open(int root, const char *path, int flags) {
  struct how how = {.flags = (uint64_t)(flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), .resolve = RESOLVE_IN_ROOT_FLAG};
  return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

static int open_directory(int root, const char *path) { return root_open(root, path, O_RDONLY | O_DIRECTORY); }

int root_directory_there(int root, const char *path) { return open_directory(root, path); }

int root_directory(int root, const char *path, mode_t mode) {
  char prefix[256];
  if (strlen(path) >= sizeof prefix) {
    errno = ENAMETOOLONG;
    return -1;
  }
  int parent = open_directory(root, ".");
  for (const char *at = path; parent >= 0 && *at != 0;) {
    size_t length = strcspn(at, "/");
    bool last = at[length] == 0;
    memcpy(prefix, path, (size_t)(at - path) + length);
    prefix[(size_t)(at - path) + length] = 0;
    int next = open_directory(root, prefix);
    if (next < 0 && errno == ENOENT && mkdirat(parent, prefix + (at - path), last ? mode : 0755) == 0) next = open_directory(root, prefix);
    int error = errno;
    close(parent);
    errno = error;
    parent = next;
    at += last ? length : length + 1;
  }
  return parent;
}

int root_write(int directory, const char *name, mode_t mode, const char *bytes, size_t length) {
  char draft[128];
  snprintf(draft, sizeof draft, ".%.100s.banger", name);
  if (unlinkat(directory, draft, 0) != 0 && errno != ENOENT) return errno;
  int fd = openat(directory, draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  int error = file_write_all(fd, bytes, length);
  if (error == 0 && fchmod(fd, mode) != 0) error = errno;
  close(fd);
  if (error == 0 && renameat(directory, draft, directory, name) != 0) error = errno;
  if (error != 0) unlinkat(directory, draft, 0);
  return error;
}

int root_write_at(int root, const char *directory, const char *name, mode_t mode, const char *bytes, size_t length) {
  int fd = root_directory(root, directory, 0755);
  if (fd < 0) return errno;
  int error = root_write(fd, name, mode, bytes, length);
  close(fd);
  return error;
}
