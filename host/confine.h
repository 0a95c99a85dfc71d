// What confines a VMM, for the programs that do so between fork and exec: vmm-cage, vmm-jail. Each is one file, and says its name
// as PROGRAM before it includes this.

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// linux/mount.h, which musl's headers don't bring.
#define SYS_OPEN_TREE 428
#define SYS_MOVE_MOUNT 429
#define SYS_MOUNT_SETATTR 442
#define TREE_CLONE 1
#define RECURSIVE 0x8000
#define EMPTY_PATH 0x1000
#define FROM_EMPTY_PATH 0x4
#define ATTR_RDONLY 0x1
#define ATTR_NOSUID 0x2
#define ATTR_NODEV 0x4
#define ATTR_NOEXEC 0x8

struct attributes {
  uint64_t set, clear, propagation, userns;
};

static void failed(const char *what, const char *about) {
  const char *next = errno == ENOSYS ? "; this kernel is too old: banger needs Linux 5.12 or newer" : "";
  fprintf(stderr, PROGRAM ": %s %s: %s%s\n", what, about, strerror(errno), next);
  exit(70);
}

static unsigned long long number(const char *text, const char *name) {
  char *end;
  errno = 0;
  unsigned long long value = strtoull(text, &end, 10);
  if (errno == 0 && *end == 0 && end != text) return value;
  errno = EINVAL;
  failed(name, text);
  return 0;
}

static void limit(int resource, const char *text, const char *name) {
  unsigned long long most = number(text, name);
  struct rlimit both = {(rlim_t)most, (rlim_t)most};
  if (setrlimit(resource, &both) != 0) failed(name, text);
}

// Of address space, file size and processes, in bytes and in their number; no core.
static void limit_all(char **texts) {
  limit(RLIMIT_AS, texts[0], "limit the address space to");
  limit(RLIMIT_FSIZE, texts[1], "limit files to");
  limit(RLIMIT_NPROC, texts[2], "limit processes to");
  limit(RLIMIT_CORE, "0", "limit core dumps to");
}

// Where there is no such file, there is nothing to say.
static void say(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd == -1) return;
  if (write(fd, text, strlen(text)) == -1) perror(path);
  close(fd);
}

// For the kernel's OOM killer, and for core dumps, which have no memory in them.
static void say_what_it_is(void) {
  say("/proc/self/oom_score_adj", "200");
  say("/proc/self/coredump_filter", "0");
}

// What the host unmounts is unmounted here too: a VMM keeps no disk of the host's busy.
static void own_mounts(void) {
  if (unshare(CLONE_NEWNS) != 0) failed("unshare", "mounts");
  if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0) failed("make slaves of", "all mounts");
}

static void make_directories(const char *path) {
  char made[4096];
  size_t length = strlen(path);
  if (length >= sizeof made) {
    errno = ENAMETOOLONG;
    failed("make", path);
  }
  for (size_t i = 1; i <= length; i++) {
    if (path[i] != '/' && path[i] != 0) continue;
    memcpy(made, path, i);
    made[i] = 0;
    if (mkdir(made, 0755) != 0 && errno != EEXIST && errno != EROFS) failed("make", made);
  }
}
