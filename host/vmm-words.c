// Keeps what a VMM says on its own: the beginning of it, and the end. It reads on whatever comes: one that has its words' FIFO open
// for reading too would else be held up by it.
//
//   vmm-words MOST    standard input: its words; standard output: a file in which some MOST bytes of them are kept
//
// The first MOST bytes go to standard error too where that is a socket, systemd's stream to the journal, which is never waited for. It
// runs as the owner.

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char gap[] = "\n[...]\n";

// A disk without room loses words, never the VM.
static void keep(const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t n = write(STDOUT_FILENO, bytes, length);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    bytes += n;
    length -= (size_t)n;
  }
}

// What is kept behind the beginning; when it is full, the older half of it goes.
static struct {
  char *bytes;
  size_t filled, size;
} end;

static void keep_end(const char *bytes, size_t length, off_t after) {
  while (length > 0) {
    size_t room = end.size - end.filled, taken = length < room ? length : room;
    memcpy(end.bytes + end.filled, bytes, taken);
    keep(bytes, taken);
    end.filled += taken;
    bytes += taken;
    length -= taken;
    if (end.filled < end.size) continue;
    end.filled = end.size / 2;
    memmove(end.bytes, end.bytes + end.size - end.filled, end.filled);
    if (ftruncate(STDOUT_FILENO, after) != 0 || lseek(STDOUT_FILENO, after, SEEK_SET) != after) continue;
    keep(gap, sizeof gap - 1);
    keep(end.bytes, end.filled);
  }
}

int main(int argc, char **argv) {
  static char bytes[16384];
  if (argc != 2) return 64;
  size_t most = (size_t)atoll(argv[1]), beginning = most / 2, said = 0;
  end.size = most - beginning;
  end.bytes = malloc(end.size);
  if (end.bytes == NULL || end.size < 2) return 70;
  for (;;) {
    ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    size_t length = (size_t)n, first = said < beginning ? beginning - said : 0;
    if (first > length) first = length;
    keep(bytes, first);
    keep_end(bytes + first, length - first, (off_t)beginning);
    if (said < most) send(STDERR_FILENO, bytes, length < most - said ? length : most - said, MSG_DONTWAIT | MSG_NOSIGNAL);
    said += length;
  }
  return 0;
}
