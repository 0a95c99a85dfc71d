#include "switch-root.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "console.h"

// Magic numbers of statfs(2).
static const unsigned long ramfs = 0x858458f6, tmpfs = 0x01021994;

// Deletes what is below a directory (which it closes) and on the same file system: nothing of what is mounted there.
static void delete_below(int fd, dev_t device) {
  DIR *directory = fdopendir(fd);
  if (directory == NULL) {
    close(fd);
    return;
  }
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    struct stat status;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 || status.st_dev != device) continue;
    if (S_ISDIR(status.st_mode)) {
      int inner = openat(dirfd(directory), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (inner >= 0) delete_below(inner, device);
    }
    unlinkat(dirfd(directory), entry->d_name, S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0);
  }
  closedir(directory);
}

// The initrd lives in memory, which nothing else would give back; its keys have no more business there either.
static void free_initrd(void) {
  int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  struct statfs type;
  struct stat status;
  if (fd < 0) return;
  if (fstatfs(fd, &type) != 0 || fstat(fd, &status) != 0 || ((unsigned long)type.f_type != ramfs && (unsigned long)type.f_type != tmpfs)) {
    close(fd);
    return;
  }
  delete_below(fd, status.st_dev);
}

static void carry_mount(const char *root, const char *name) {
  char from[64], to[128];
  snprintf(from, sizeof from, "/%s", name);
  snprintf(to, sizeof to, "%s/%s", root, name);
  struct stat status;
  if (mkdir(to, 0755) != 0 && errno != EEXIST) console_die(to, errno);
  if (lstat(to, &status) != 0 || !S_ISDIR(status.st_mode)) console_die(to, ENOTDIR);
  if (mount(from, to, NULL, MS_MOVE, NULL) != 0) console_die(to, errno);
}

void switch_root(const char *root) {
  carry_mount(root, "dev");
  carry_mount(root, "sys");
  carry_mount(root, "proc");
  free_initrd();
  if (chdir(root) != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0) {
    console_die("switch to root disk", errno);
  }
}
