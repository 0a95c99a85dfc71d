// banger-agent: serves the host over one byte stream, as docs/guest-protocol.md says.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent.h"
#include "clock.h"
#include "power.h"

enum { USAGE_ERROR = 2, FAILURE = 1, CLOSE_ON_EXEC = 1 << 2 };

struct options {
  const char *port;
  const char *timeline;
  int vsock;
  int fd;
  int cgroups;
};

static bool parse_fd(const char *text, int *fd) {
  char *end;
  errno = 0;
  long value = strtol(text, &end, 10);
  *fd = (int)value;
  return errno == 0 && end != text && *end == 0 && value >= 0 && value < 1 << 20;
}

static bool parse_options(int argc, char **argv, struct options *options) {
  *options = (struct options){.vsock = -1, .fd = -1, .cgroups = -1};
  for (int i = 1; i < argc; i += 2) {
    const char *value = argv[i + 1];
    if (value == NULL) return false;
    if (strcmp(argv[i], "--port") == 0) {
      options->port = value;
    } else if (strcmp(argv[i], "--timeline") == 0) {
      options->timeline = value;
    } else if (!(strcmp(argv[i], "--fd") == 0 && parse_fd(value, &options->fd)) &&
               !(strcmp(argv[i], "--vsock") == 0 && parse_fd(value, &options->vsock)) &&
               !(strcmp(argv[i], "--cgroups") == 0 && parse_fd(value, &options->cgroups))) {
      return false;
    }
  }
  return (options->port != NULL) + (options->vsock >= 0) + (options->fd >= 0) == 1;
}

// No descriptor of ours reaches a command, and none of its streams takes the number of one.
static void guard_descriptors(void) {
  int fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= 2) fd = open("/dev/null", O_RDWR);
  if (fd > 2) close(fd);
  syscall(SYS_close_range, 3u, ~0u, CLOSE_ON_EXEC);
}

// By `--fd` it is tried: the machine isn't its own.
static int connect_link(struct agent *agent, const struct options *options) {
  if (options->fd >= 0) return link_use_socket(&agent->link, options->fd);
  agent->power = power_end;
  agent->set_clock = clock_set;
  return options->port == NULL ? link_use_socket(&agent->link, options->vsock) : link_open_port(&agent->link, options->port);
}

static int complain(const char *what, int error) {
  fprintf(stderr, "banger-agent: %s: %s\n", what, strerror(error));
  return FAILURE;
}

int main(int argc, char **argv) {
  static struct agent agent;
  struct options options;
  if (!parse_options(argc, argv, &options)) {
    fprintf(stderr, "usage: banger-agent (--port PATH | --vsock N | --fd N) [--timeline FILE] [--cgroups N]\n");
    return USAGE_ERROR;
  }
  // Started from memory it has no name.
  prctl(PR_SET_NAME, "banger-agent");
  guard_descriptors();
  agent.cgroups = options.cgroups;
  agent.proc = "/proc";
  int error = options.timeline == NULL ? 0 : timeline_read(&agent.timeline, options.timeline);
  if (error != 0) complain(options.timeline, error);
  error = connect_link(&agent, &options);
  if (error != 0) return complain(options.port == NULL ? "socket" : options.port, error);
  error = agent_run(&agent);
  return error == 0 ? 0 : complain("poll", error);
}
