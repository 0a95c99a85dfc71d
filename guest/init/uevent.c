#include "uevent.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENT_MAX = 8192, FROM_KERNEL = 1 };

// <linux/netlink.h>'s, which is not among the headers of every C library.
enum { KOBJECT_UEVENT = 15 };
struct netlink_address {
  uint16_t family;
  uint16_t padding;
  uint32_t port;
  uint32_t groups;
};

int uevent_open(void) {
  int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, KOBJECT_UEVENT);
  struct netlink_address address = {.family = AF_NETLINK, .groups = FROM_KERNEL};
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

static bool has(const char *event, size_t length, const char *line) {
  for (const char *at = event, *end = event + length; at < end;) {
    size_t one = strnlen(at, (size_t)(end - at));
    if (one == strlen(line) && memcmp(at, line, one) == 0) return true;
    at += one + 1;
  }
  return false;
}

bool uevent_tells_of_resize(const char *event, size_t length, const char *name) {
  char device[64];
  int size = snprintf(device, sizeof device, "DEVNAME=%s", name);
  return size > 0 && (size_t)size < sizeof device && has(event, length, device) && has(event, length, "RESIZE=1");
}

bool uevent_await_resize(int fd, const char *name) {
  char event[EVENT_MAX];
  for (;;) {
    struct netlink_address from = {0};
    socklen_t size = sizeof from;
    ssize_t length = recvfrom(fd, event, sizeof event, 0, (struct sockaddr *)&from, &size);
    // Too many at a time are lost: it may have been among them.
    if (length < 0 && errno == ENOBUFS) return true;
    if (length < 0 && errno != EINTR) return false;
    // Any process may send one to another; only the kernel's have no port.
    if (length > 0 && from.port == 0 && uevent_tells_of_resize(event, (size_t)length, name)) return true;
  }
}
