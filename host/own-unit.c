// Runs a command of the daemon's in a unit of its own: where user namespaces are made by set-uid programs, which the daemon's own
// unit takes away. It is both ends of a socket of the owner's, on which systemd starts one `serve` for each `ask`.
//
//   own-unit ask SOCKET ARGV...   has ARGV run with this process's descriptors, directory and environment, and ends as it does
//   own-unit serve                runs what is asked on the socket that is its standard input
//
// Asked is by the three descriptors (SCM_RIGHTS, unix(7)), the length of what follows, and texts that end with a zero: directory,
// number of arguments, arguments, environment. One byte asks the command to end, as does leaving. The answer is its wait status.

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

// linux/pidfd.h, which musl's headers don't bring.
#define SYS_PIDFD_OPEN 434
#define MOST_BYTES (1 << 20)
// Before systemd's own limit, after which all that is left of the unit is killed.
#define END_MS 3000
// How it ends where there is no such program as was asked for: 127 is also what shells and unshare say of what they are to run.
#define NO_SUCH_PROGRAM 121

extern char **environ;

union control {
  struct cmsghdr header;
  char bytes[CMSG_SPACE(3 * sizeof(int))];
};

static int to_server = -1;

static void failed(const char *what) {
  fprintf(stderr, "own-unit: %s: %s\n", what, strerror(errno));
  exit(125);
}

static int all(int fd, void *bytes, size_t length, int writing) {
  for (size_t done = 0; done < length;) {
    char *at = (char *)bytes + done;
    ssize_t count = writing ? write(fd, at, length - done) : read(fd, at, length - done);
    if (count == -1 && errno == EINTR) continue;
    if (count <= 0) return 0;
    done += (size_t)count;
  }
  return 1;
}

static void pass_on(int number) {
  (void)number;
  int before = errno;
  if (write(to_server, "T", 1) == -1) errno = before;
  errno = before;
}

static char *put(char *at, const char *end, const char *text) {
  size_t length = strlen(text) + 1;
  if ((size_t)(end - at) < length) {
    errno = E2BIG;
    failed("ask");
  }
  memcpy(at, text, length);
  return at + length;
}

static void end_as(int status) {
  if (!WIFSIGNALED(status)) exit(WEXITSTATUS(status));
  signal(WTERMSIG(status), SIG_DFL);
  raise(WTERMSIG(status));
  exit(128 + WTERMSIG(status));
}

static void ask(const char *path, char **argv) {
  // Whoever asked may be killed: this process leaves then, and what it asked for ends.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    failed(path);
  }
  strcpy(address.sun_path, path);
  to_server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (to_server == -1 || connect(to_server, (struct sockaddr *)&address, sizeof address) != 0) failed(path);
  char *body = malloc(MOST_BYTES), *end = body + MOST_BYTES, *at = body;
  char directory[4096], number[16];
  if (body == NULL || getcwd(directory, sizeof directory) == NULL) failed("ask");
  int count = 0;
  while (argv[count] != NULL) count++;
  snprintf(number, sizeof number, "%d", count);
  at = put(at, end, directory);
  at = put(at, end, number);
  for (char **argument = argv; *argument != NULL; argument++) at = put(at, end, *argument);
  for (char **variable = environ; *variable != NULL; variable++) at = put(at, end, *variable);
  uint32_t length = (uint32_t)(at - body);
  struct iovec part = {&length, sizeof length};
  union control control = {0};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(3 * sizeof(int));
  memcpy(CMSG_DATA(header), (int[]){0, 1, 2}, 3 * sizeof(int));
  signal(SIGPIPE, SIG_IGN);
  if (sendmsg(to_server, &message, 0) != sizeof length || !all(to_server, body, length, 1)) failed("ask");
  struct sigaction action = {.sa_handler = pass_on, .sa_flags = SA_RESTART};
  int passed[] = {SIGTERM, SIGINT, SIGHUP};
  for (size_t i = 0; i < sizeof passed / sizeof *passed; i++) sigaction(passed[i], &action, NULL);
  int status;
  if (!all(to_server, &status, sizeof status, 0)) {
    fprintf(stderr, "own-unit: the unit ended before the command did; its journal says why\n");
    exit(125);
  }
  end_as(status);
}

static char *next_text(char **at, const char *end) {
  char *text = *at, *zero = memchr(text, 0, (size_t)(end - text));
  if (zero == NULL) {
    errno = EBADMSG;
    failed("serve");
  }
  *at = zero + 1;
  return text;
}

static pid_t start(char *body, uint32_t length, const int *fds) {
  char *at = body, *end = body + length;
  char *directory = next_text(&at, end);
  long count = strtol(next_text(&at, end), NULL, 10);
  // Each text has a byte at least.
  char **texts = calloc((size_t)length + 2, sizeof *texts);
  if (texts == NULL || count < 1 || count > (long)length) failed("serve");
  char **argv = texts;
  for (long i = 0; i < count; i++) argv[i] = next_text(&at, end);
  char **env = argv + count + 1;
  for (long i = 0; at < end; i++) env[i] = next_text(&at, end);
  pid_t child = fork();
  // By both of them: neither waits for the other.
  setpgid(child, child);
  if (child != 0) return child;
  for (int i = 0; i < 3; i++)
    if (dup2(fds[i], i) == -1) failed("dup2");
  if (chdir(directory) != 0) failed(directory);
  environ = env;
  execvp(argv[0], argv);
  int missing = errno == ENOENT;
  fprintf(stderr, "own-unit: %s: %s\n", argv[0], strerror(errno));
  _exit(missing ? NO_SUCH_PROGRAM : 126);
}

static void serve(void) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(0, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) failed("the socket");
  if (peer.uid != getuid()) {
    errno = EPERM;
    failed("whoever asks");
  }
  uint32_t length = 0;
  struct iovec part = {&length, sizeof length};
  union control control = {0};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t got = recvmsg(0, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
  // Whoever only looks whether somebody listens.
  if (got == 0) exit(0);
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (got != sizeof length || length == 0 || length > MOST_BYTES || header == NULL || header->cmsg_type != SCM_RIGHTS ||
      header->cmsg_len != CMSG_LEN(3 * sizeof(int))) {
    errno = EBADMSG;
    failed("serve");
  }
  int fds[3];
  memcpy(fds, CMSG_DATA(header), sizeof fds);
  char *body = malloc(length);
  if (body == NULL || !all(0, body, length, 0)) failed("serve");
  pid_t child = start(body, length, fds);
  int ended = child == -1 ? -1 : (int)syscall(SYS_PIDFD_OPEN, child, 0);
  if (ended == -1) failed("serve");
  // Whoever reads what the command prints sees its end when it ends.
  for (int i = 0; i < 3; i++) close(fds[i]);
  signal(SIGPIPE, SIG_IGN);
  struct pollfd watched[] = {{.fd = ended, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
  int left = -1;
  for (;;) {
    int ready = poll(watched, 2, left);
    if (ready == -1 && errno != EINTR) failed("poll");
    if (ready == 0) kill(-child, SIGKILL);
    if (watched[0].revents != 0) break;
    if (ready > 0 && watched[1].revents != 0) {
      char byte;
      if (read(0, &byte, 1) <= 0) watched[1].fd = -1;
      kill(-child, SIGTERM);
      left = END_MS;
    }
  }
  int status;
  if (waitpid(child, &status, 0) != child) failed("wait");
  all(0, &status, sizeof status, 1);
  // What the command leaves behind ends with the unit.
  exit(0);
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "serve") == 0) serve();
  if (argc >= 4 && strcmp(argv[1], "ask") == 0) ask(argv[2], argv + 3);
  return 64;
}
