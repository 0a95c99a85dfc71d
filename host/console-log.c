// Writes a guest's serial console to a log of bounded size.
//
//   console-log FILE LIMIT    standard input: what the guest prints, until it ends
//
// At LIMIT bytes FILE becomes FILE.1, in place of the one before it, and FILE begins anew: at most twice LIMIT is kept,
// always the newest LIMIT at least. Where bytes are missing a mark says how many. It runs as the log's owner and
// outlives daemon and helper; a disk without room loses bytes, never the VM.

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct log {
  const char *path;
  char older[PATH_MAX];
  long long limit;
  int fd;  // -1: it could not be opened yet
  long long size;
  long long missing;  // bytes that no mark tells of yet
};

static void open_log(struct log *log, int flags) {
  log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | flags, 0600);
  struct stat stat;
  if (log->fd != -1 && (fstat(log->fd, &stat) != 0 || !S_ISREG(stat.st_mode))) {
    close(log->fd);
    log->fd = -1;
  }
  log->size = log->fd == -1 ? 0 : (long long)stat.st_size;
}

// Somebody may cut the file, remove it or put another in its place meanwhile: what is there now is written to.
static void look_again(struct log *log) {
  struct stat stat;
  if (log->fd == -1 || (fstat(log->fd, &stat) == 0 && stat.st_nlink > 0)) {
    if (log->fd != -1) log->size = (long long)stat.st_size;
    return;
  }
  close(log->fd);
  log->fd = -1;
}

// What is written; less than asked for when there is no room.
static size_t write_some(struct log *log, const char *bytes, size_t length) {
  size_t written = 0;
  while (written < length) {
    ssize_t n = write(log->fd, bytes + written, length - written);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    written += (size_t)n;
  }
  log->size += (long long)written;
  return written;
}

// False when the log can't grow and can't begin anew.
static int rotate(struct log *log) {
  struct stat before;
  long long replaced = lstat(log->older, &before) == 0 ? (long long)before.st_size : 0;
  if (rename(log->path, log->older) == 0) {
    log->missing += replaced;
  } else if (errno != ENOENT) {
    return 0;
  }
  close(log->fd);
  open_log(log, O_EXCL);
  return log->fd != -1;
}

// Says how many bytes are missing; half a mark is taken back.
static int mark(struct log *log) {
  char text[96];
  int length = snprintf(text, sizeof text, "%s[banger: %lld bytes of the console were cut here]\n",
                        log->size == 0 ? "" : "\n", log->missing);
  long long before = log->size;
  size_t written = write_some(log, text, (size_t)length);
  if (written == (size_t)length) {
    log->missing = 0;
    return 1;
  }
  if (written > 0 && ftruncate(log->fd, (off_t)before) == 0) log->size = before;
  return 0;
}

// Writes what fits, begins anew where it doesn't; what can't be written is missing.
static void take(struct log *log, const char *bytes, size_t length) {
  look_again(log);
  if (log->fd == -1) open_log(log, 0);
  while (log->fd != -1 && length > 0) {
    if (log->size >= log->limit && !rotate(log)) break;
    if (log->missing > 0 && !mark(log)) break;
    long long room = log->limit - log->size;
    size_t part = (long long)length < room ? length : (size_t)(room > 0 ? room : 1);
    size_t written = write_some(log, bytes, part);
    bytes += written;
    length -= written;
    if (written < part) break;
  }
  log->missing += (long long)length;
}

int main(int argc, char **argv) {
  static struct log log = {.fd = -1};
  static char bytes[16384];
  if (argc != 3 || snprintf(log.older, sizeof log.older, "%s.1", argv[1]) >= (int)sizeof log.older) return 64;
  log.path = argv[1];
  log.limit = atoll(argv[2]);
  if (log.limit < (long long)sizeof bytes) return 64;
  umask(077);
  open_log(&log, 0);
  for (;;) {
    ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    take(&log, bytes, (size_t)n);
  }
  // What was lost last is said too, if there is room now.
  if (log.missing > 0 && log.fd != -1) mark(&log);
  return 0;
}
