#include "vsock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

// <linux/vm_sockets.h>'s, which is not among the headers of every C library.
static const uint32_t host_cid = 2, any_cid = UINT32_MAX;
static const unsigned long get_local_cid = _IO(7, 0xb9);
struct vsock_address {
  uint16_t family;
  uint16_t reserved;
  uint32_t port;
  uint32_t cid;
  uint32_t flags;
};
_Static_assert(sizeof(struct vsock_address) == sizeof(struct sockaddr), "the kernel takes no shorter one");

enum { BACKLOG = 8 };

bool vsock_is_there(void) {
  uint32_t cid = any_cid;
  int fd = open("/dev/vsock", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  // The C libraries disagree about the type of ioctl's request, the kernel takes any of them.
  bool told = syscall(SYS_ioctl, fd, get_local_cid, &cid) == 0;
  close(fd);
  // The host's and those below are what a machine calls others, or itself, without having a device.
  return told && cid > host_cid && cid != any_cid;
}

int vsock_listen(void) {
  struct vsock_address any = {.family = AF_VSOCK, .port = VSOCK_AGENT_PORT, .cid = any_cid};
  int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (bind(fd, (struct sockaddr *)&any, sizeof any) == 0 && listen(fd, BACKLOG) == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

bool vsock_peer_may_connect(int fd) {
  struct vsock_address peer = {0};
  socklen_t size = sizeof peer;
  if (getpeername(fd, (struct sockaddr *)&peer, &size) != 0) return false;
  return peer.family != AF_VSOCK || peer.cid == host_cid;
}
