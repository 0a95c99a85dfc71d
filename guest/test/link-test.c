#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "link.h"
#include "vsock.h"

// This machine as it is called by itself, whether or not it has a device (linux/vm_sockets.h).
static const struct {
  uint16_t family;
  uint16_t reserved;
  uint32_t port;
  uint32_t cid;
  uint32_t flags;
} itself = {.family = AF_VSOCK, .port = VSOCK_AGENT_PORT, .cid = 1};

static int connect_to(int listener) {
  struct sockaddr_storage address = {0};
  socklen_t size = sizeof address;
  CHECK(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK(connect(fd, (struct sockaddr *)&address, size) == 0);
  return fd;
}

// Lets the link look once for what has happened, which must be something.
static bool look(struct link *link) {
  struct pollfd polls[LINK_POLLS];
  link_polls(link, true, false, polls);
  CHECK(poll(polls, LINK_POLLS, 5000) > 0);
  return link_polled(link, polls);
}

static bool hears(struct link *link, int host, const char *word) {
  char heard[16] = {0};
  CHECK(write(host, word, strlen(word)) == (ssize_t)strlen(word));
  CHECK(!look(link));
  return link_read(link, heard, sizeof heard) == strlen(word) && strcmp(heard, word) == 0;
}

static void check_connections(void) {
  struct link link;
  char byte;
  // Bound to no name, it is given one that is in no directory.
  struct sockaddr unnamed = {.sa_family = AF_UNIX};
  int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK(bind(listener, &unnamed, sizeof unnamed.sa_family) == 0 && listen(listener, 8) == 0);
  CHECK(link_use_socket(&link, listener) == 0 && link.state == LINK_AWAY);
  CHECK(link_read(&link, &byte, 1) == 0);

  int first = connect_to(listener);
  CHECK(look(&link) && link.state == LINK_PRESENT && hears(&link, first, "one"));

  // A daemon that comes back needs no end of the one before it to be seen, and of several the newest counts.
  int second = connect_to(listener), third = connect_to(listener);
  CHECK(look(&link) && link.state == LINK_PRESENT);
  CHECK(read(first, &byte, 1) == 0 && read(second, &byte, 1) == 0);
  CHECK(hears(&link, third, "three"));

  // Nobody is there until the next one comes; what was on the way to a host that has gone is no end of anything.
  close(third);
  CHECK(!look(&link) && link_read(&link, &byte, 1) == 0 && link.state == LINK_AWAY && link.fd == -1);
  int fourth = connect_to(listener);
  CHECK(look(&link) && hears(&link, fourth, "four"));
  link_broke(&link);
  CHECK(link.state == LINK_AWAY && read(fourth, &byte, 1) == 0);
  close(listener);
}

// Whoever is in the guest could have the agent do as root what it isn't allowed itself.
static void check_that_only_the_host_is_served(void) {
  struct link link;
  char byte;
  int listener = vsock_listen();
  if (listener < 0) {
    fprintf(stderr, "not tried, as this kernel has no vsock: who may connect (%s)\n", strerror(errno));
    return;
  }
  CHECK(link_use_socket(&link, listener) == 0);
  int guest = socket(AF_VSOCK, SOCK_STREAM, 0);
  if (connect(guest, (const struct sockaddr *)&itself, sizeof itself) != 0) {
    fprintf(stderr, "not tried, as this kernel has no vsock_loopback: who may connect (%s)\n", strerror(errno));
  } else {
    CHECK(!look(&link) && link.state == LINK_AWAY);
    CHECK(read(guest, &byte, 1) <= 0);
  }
  close(guest);
  close(listener);
}

int main(void) {
  check_connections();
  check_that_only_the_host_is_served();
  puts("ok link");
  return 0;
}
