#include "copy-tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { CHUNK = 1 << 20, ATTRIBUTE_NAMES_MAX = 4096, ATTRIBUTE_MAX = 65536 };

// Those that can't be read or set are left out: a file is worth more without them than not at all.
static void copy_attributes(int from, int to) {
  char names[ATTRIBUTE_NAMES_MAX];
  static char value[ATTRIBUTE_MAX];
  ssize_t length = flistxattr(from, names, sizeof names);
  for (const char *name = names; length > 0 && name < names + length; name += strlen(name) + 1) {
    ssize_t size = fgetxattr(from, name, value, sizeof value);
    if (size >= 0) fsetxattr(to, name, value, (size_t)size, 0);
  }
}

// Of what is open: the owner first, since that takes set-uid bits and capabilities away.
static int be_like(int from, int to, const struct stat *status) {
  if (fchown(to, status->st_uid, status->st_gid) != 0 || fchmod(to, status->st_mode & 07777) != 0) return errno;
  copy_attributes(from, to);
  const struct timespec times[2] = {status->st_atim, status->st_mtim};
  return futimens(to, times) == 0 ? 0 : errno;
}

static int copy_bytes(int from, int to) {
  for (;;) {
    ssize_t sent = sendfile(to, from, NULL, CHUNK);
    if (sent == 0) return 0;
    if (sent < 0 && errno != EINTR) return errno;
  }
}

static int copy_file(int from, int to, const char *name, const struct stat *status) {
  int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (in < 0) return errno;
  int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  int error = out < 0 ? errno : copy_bytes(in, out);
  if (error == 0) error = be_like(in, out, status);
  close(in);
  if (out >= 0) close(out);
  return error;
}

static int copy_directory(int from, int to, const char *name) {
  if (mkdirat(to, name, 0700) != 0 && errno != EEXIST) return errno;
  int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (in < 0) return errno;
  int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  int error = out < 0 ? errno : copy_tree(in, out);
  close(in);
  if (out >= 0) close(out);
  return error;
}

static int copy_link(int from, int to, const char *name) {
  char target[PATH_MAX];
  ssize_t length = readlinkat(from, name, target, sizeof target - 1);
  if (length < 0) return errno;
  target[length] = 0;
  return symlinkat(target, to, name) == 0 ? 0 : errno;
}

// What isn't opened: a link, a FIFO, a device.
static int copy_node(int from, int to, const char *name, const struct stat *status) {
  bool is_link = S_ISLNK(status->st_mode);
  int error = is_link ? copy_link(from, to, name) : mknodat(to, name, (status->st_mode & S_IFMT) | 0600, status->st_rdev) == 0 ? 0 : errno;
  if (error == 0 && fchownat(to, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) != 0) error = errno;
  if (error == 0 && !is_link && fchmodat(to, name, status->st_mode & 07777, 0) != 0) error = errno;
  const struct timespec times[2] = {status->st_atim, status->st_mtim};
  if (error == 0 && utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) != 0) error = errno;
  return error;
}

static int copy_entry(int from, int to, const char *name) {
  struct stat status;
  if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return errno;
  if (S_ISSOCK(status.st_mode)) return 0;
  if (S_ISDIR(status.st_mode)) return copy_directory(from, to, name);
  if (unlinkat(to, name, 0) != 0 && errno != ENOENT) return errno;
  return S_ISREG(status.st_mode) ? copy_file(from, to, name, &status) : copy_node(from, to, name, &status);
}

int copy_tree(int from, int to) {
  int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *directory = fd < 0 ? NULL : fdopendir(fd);
  if (directory == NULL) {
    int error = errno;
    if (fd >= 0) close(fd);
    return error;
  }
  int error = 0;
  for (struct dirent *entry; error == 0 && (entry = readdir(directory)) != NULL;) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    error = copy_entry(from, to, entry->d_name);
  }
  closedir(directory);
  struct stat status;
  if (error == 0) error = fstat(from, &status) != 0 ? errno : be_like(from, to, &status);
  return error;
}
