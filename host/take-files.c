// Opens files that another process has open, each at a descriptor of its own, then becomes another program without environment.
//
//   take-files PID STARTTIME TO=FROM:DEVICE:INODE... -- ARGV...
//
// What systemd starts inherits three descriptors at most, so a VMM's recorder takes those that the helper opened for it: the very
// files, opened as they are open there. PID and STARTTIME (proc(5), field 22) name the helper: where it has ended, nothing is taken,
// whoever has its pid by now; where a descriptor of the helper's is another file by now, nothing either. What standard error was, systemd's stream to the journal, is standard input afterwards.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Above everything that is taken.
#define OWN_FD 100
// What was asked for when it was opened, by path and for good: a descriptor's name is a link, to what must neither be made nor emptied.
#define ONCE (O_CREAT | O_EXCL | O_TRUNC | O_NOFOLLOW | O_CLOEXEC)

static void failed(const char *what, const char *about) {
  dprintf(STDIN_FILENO, "take-files: %s %s: %s\n", what, about, strerror(errno));
  exit(70);
}

static int out_of_the_way(int fd) {
  int own = fcntl(fd, F_DUPFD_CLOEXEC, OWN_FD);
  close(fd);
  return own;
}

// A small file below a process's directory; that directory stands for the process and is empty once it has ended.
static void read_below(int process, const char *name, char *into, size_t size) {
  int fd = openat(process, name, O_RDONLY | O_CLOEXEC);
  if (fd == -1) failed("open", name);
  ssize_t length = read(fd, into, size - 1);
  if (length < 0) failed("read", name);
  into[length] = 0;
  close(fd);
}

static void must_have_begun(int process, const char *starttime) {
  char stat[1024];
  read_below(process, "stat", stat, sizeof stat);
  // The name, in brackets, may hold anything.
  char *field = strrchr(stat, ')');
  for (int i = 2; field != NULL && i < 22; i++) field = strchr(field + 1, ' ');
  size_t length = strlen(starttime);
  if (field != NULL && strncmp(field + 1, starttime, length) == 0 && field[1 + length] == ' ') return;
  errno = ESRCH;
  failed("find", "the helper");
}

static int flags_of(int process, long from) {
  char name[64], info[4096];
  snprintf(name, sizeof name, "fdinfo/%ld", from);
  read_below(process, name, info, sizeof info);
  char *flags = strstr(info, "flags:");
  if (flags == NULL) failed("read", name);
  return (int)strtol(flags + strlen("flags:"), NULL, 8) & ~ONCE;
}

static void take(int process, const char *pair) {
  char *end, name[64];
  long to = strtol(pair, &end, 10);
  if (*end != '=' || to < 1 || to >= OWN_FD) {
    errno = EINVAL;
    failed("take", pair);
  }
  long from = strtol(end + 1, &end, 10);
  unsigned long long device = *end == ':' ? strtoull(end + 1, &end, 10) : 0;
  unsigned long long inode = *end == ':' ? strtoull(end + 1, &end, 10) : 0;
  int flags = flags_of(process, from);
  snprintf(name, sizeof name, "fd/%ld", from);
  int fd = openat(process, name, flags | O_NOCTTY);
  struct stat stat;
  if (fd == -1 || fstat(fd, &stat) != 0) failed("open", name);
  if (stat.st_dev != device || stat.st_ino != inode) {
    errno = ESTALE;
    failed("find", pair);
  }
  if (fd == (int)to) return;
  if (dup2(fd, (int)to) == -1) failed("take", pair);
  close(fd);
}

int main(int argc, char **argv) {
  char path[32];
  if (argc < 5 || dup2(STDERR_FILENO, STDIN_FILENO) == -1) return 64;
  snprintf(path, sizeof path, "/proc/%ld", strtol(argv[1], NULL, 10));
  int process = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (process == -1) failed("open", path);
  process = out_of_the_way(process);
  if (process == -1) failed("keep", path);
  must_have_begun(process, argv[2]);
  int i = 3;
  for (; i < argc && strcmp(argv[i], "--") != 0; i++) take(process, argv[i]);
  if (i + 1 >= argc) return 64;
  execve(argv[i + 1], argv + i + 1, (char *[]){NULL});
  failed("run", argv[i + 1]);
}
