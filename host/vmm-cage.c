// Puts whoever runs it into a VMM's cage, then becomes another program: limits, a mount namespace of its own in which
// nothing can be written but one directory, a word for the kernel's OOM killer, no memory in a core dump.
//
//   vmm-cage ADDRESS_SPACE FILE_SIZE PROCESSES DIRECTORY HIDDEN... -- ARGV...
//
// Sizes are bytes. DIRECTORY is the VMM's own, below one of the HIDDEN, which are empty for it otherwise. It runs as
// root; ARGV gives that up.

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

struct attributes {
  uint64_t set, clear, propagation, userns;
};

static void failed(const char *what, const char *about) {
  const char *next = errno == ENOSYS ? "; this kernel is too old: banger needs Linux 5.12 or newer" : "";
  fprintf(stderr, "vmm-cage: %s %s: %s%s\n", what, about, strerror(errno), next);
  exit(70);
}

static void limit(int resource, const char *text, const char *name) {
  char *end;
  errno = 0;
  unsigned long long most = strtoull(text, &end, 10);
  if (errno != 0 || *end != 0 || end == text) {
    errno = EINVAL;
    failed(name, text);
  }
  struct rlimit both = {(rlim_t)most, (rlim_t)most};
  if (setrlimit(resource, &both) != 0) failed(name, text);
}

// Where there is no such file, there is nothing to say.
static void say(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd == -1) return;
  if (write(fd, text, strlen(text)) == -1) perror(path);
  close(fd);
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

int main(int argc, char **argv) {
  int program = 5;
  while (program < argc && strcmp(argv[program], "--") != 0) program++;
  if (program + 1 >= argc) return 64;
  const char *own = argv[4];

  say("/proc/self/oom_score_adj", "200");
  say("/proc/self/coredump_filter", "0");
  umask(022);
  if (unshare(CLONE_NEWNS) != 0) failed("unshare", "mounts");
  // What the host unmounts is unmounted here too: a VMM keeps no disk of the host's busy.
  if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0) failed("make slaves of", "all mounts");
  int tree = (int)syscall(SYS_OPEN_TREE, AT_FDCWD, own, TREE_CLONE | O_CLOEXEC | AT_SYMLINK_NOFOLLOW);
  if (tree == -1) failed("open", own);
  struct attributes locked = {.set = ATTR_RDONLY | ATTR_NOSUID};
  if (syscall(SYS_MOUNT_SETATTR, AT_FDCWD, "/", RECURSIVE, &locked, sizeof locked) != 0) failed("lock", "all mounts");
  for (int i = 5; i < program; i++) {
    if (mount("banger-hidden", argv[i], "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64k,mode=755") == 0) continue;
    if (errno != ENOENT) failed("hide", argv[i]);
  }
  make_directories(own);
  if (syscall(SYS_MOVE_MOUNT, tree, "", AT_FDCWD, own, FROM_EMPTY_PATH) != 0) failed("mount", own);
  for (int i = 5; i < program; i++) {
    if (mount(NULL, argv[i], NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0) continue;
    // One that lies in another is hidden with that, and is no mount of its own.
    if (errno != ENOENT && errno != EINVAL) failed("lock", argv[i]);
  }
  if (chdir("/") != 0) failed("enter", "/");
  umask(0);
  limit(RLIMIT_AS, argv[1], "limit the address space to");
  limit(RLIMIT_FSIZE, argv[2], "limit files to");
  limit(RLIMIT_NPROC, argv[3], "limit processes to");
  limit(RLIMIT_CORE, "0", "limit core dumps to");
  execv(argv[program + 1], argv + program + 1);
  failed("run", argv[program + 1]);
}
