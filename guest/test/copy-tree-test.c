#include "copy-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static char base[] = "/tmp/banger-copy-XXXXXX";

static int removed(const char *path, const struct stat *status, int type, struct FTW *at) {
  (void)status, (void)type, (void)at;
  return remove(path);
}

static int fresh(const char *kind) {
  static int count;
  char path[64];
  snprintf(path, sizeof path, "%s/%s%d", base, kind, count++);
  CHECK(mkdir(path, 0700) == 0);
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  CHECK(fd >= 0);
  return fd;
}

static void put(int directory, const char *name, const char *text, mode_t mode) {
  int fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fchmod(fd, mode) == 0);
  close(fd);
}

static int has(int directory, const char *name, const char *text) {
  char got[64] = {0};
  int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  CHECK(read(fd, got, sizeof got - 1) >= 0);
  close(fd);
  return strcmp(got, text) == 0;
}

static struct stat of(int directory, const char *name) {
  struct stat status;
  CHECK(fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0);
  return status;
}

static int source(void) {
  int from = fresh("from");
  CHECK(mkdirat(from, "ada", 0750) == 0 && mkdirat(from, "ada/empty", 0700) == 0);
  put(from, "ada/.profile", "export A=1\n", 0640);
  put(from, "run", "#!/bin/sh\n", 04755);
  CHECK(symlinkat("/etc/passwd", from, "link") == 0 && symlinkat("nowhere", from, "ada/dangling") == 0);
  CHECK(mkfifoat(from, "fifo", 0600) == 0 && fchmodat(from, "fifo", 0620, 0) == 0);
  const struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000001}};
  CHECK(utimensat(from, "ada/empty", old, 0) == 0 && utimensat(from, "ada", old, 0) == 0);
  CHECK(fchmod(from, 0711) == 0);
  return from;
}

static void copies_all_that_is_there(void) {
  int from = source(), to = fresh("to");
  CHECK(copy_tree(from, to) == 0);
  CHECK(has(to, "ada/.profile", "export A=1\n") && has(to, "run", "#!/bin/sh\n"));
  CHECK((of(to, "ada").st_mode & 07777) == 0750 && (of(to, "run").st_mode & 07777) == 04755 && (of(to, ".").st_mode & 07777) == 0711);
  CHECK(of(to, "ada").st_mtim.tv_sec == 1000000001 && of(to, "ada/empty").st_mtim.tv_sec == 1000000001);
  CHECK(S_ISLNK(of(to, "link").st_mode) && S_ISLNK(of(to, "ada/dangling").st_mode));
  CHECK(S_ISFIFO(of(to, "fifo").st_mode) && (of(to, "fifo").st_mode & 07777) == 0620);
}

// As a guest that was killed left it: some is there, some in part. Done again, all of it is.
static void goes_on_where_it_was_cut_short(void) {
  int from = source(), to = fresh("to");
  put(to, "run", "#!", 0600);
  CHECK(mkdirat(to, "ada", 0700) == 0);
  CHECK(copy_tree(from, to) == 0 && copy_tree(from, to) == 0);
  CHECK(has(to, "run", "#!/bin/sh\n") && (of(to, "ada").st_mode & 07777) == 0750);
}

// A volume may have been another guest's: what it left in the place of a file or a directory leads nowhere.
static void follows_no_link(void) {
  int from = source(), to = fresh("to"), outside = fresh("outside");
  char path[64], target[96];
  snprintf(path, sizeof path, "/proc/self/fd/%d", outside);
  ssize_t length = readlink(path, target, sizeof target - 1);
  CHECK(length > 0);
  target[length] = 0;
  put(outside, "kept", "kept", 0600);
  CHECK(symlinkat(target, to, "ada") == 0);
  int error = copy_tree(from, to);
  CHECK(error == ENOTDIR || error == ELOOP);
  CHECK(faccessat(outside, ".profile", F_OK, AT_SYMLINK_NOFOLLOW) != 0);
  CHECK(unlinkat(to, "ada", 0) == 0 && (unlinkat(to, "run", 0) == 0 || errno == ENOENT));
  strcat(target, "/kept");
  CHECK(symlinkat(target, to, "run") == 0);
  CHECK(copy_tree(from, to) == 0);
  CHECK(S_ISREG(of(to, "run").st_mode) && has(outside, "kept", "kept"));
}

int main(void) {
  CHECK(mkdtemp(base) != NULL);
  copies_all_that_is_there();
  goes_on_where_it_was_cut_short();
  follows_no_link();
  CHECK(nftw(base, removed, 8, FTW_DEPTH | FTW_PHYS) == 0);
  puts("ok copy-tree");
  return 0;
}
