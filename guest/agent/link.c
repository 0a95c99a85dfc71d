#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vsock.h"

static int set_nonblocking(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ? errno : 0;
}

int link_use_socket(struct link *link, int fd) {
  int listens = 0;
  socklen_t size = sizeof listens;
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0) return errno;
  *link = listens ? (struct link){.state = LINK_AWAY, .fd = -1, .wakeups = -1, .listener = fd}
                  : (struct link){.state = LINK_PRESENT, .fd = fd, .wakeups = -1, .listener = -1};
  return set_nonblocking(fd);
}

int link_open_port(struct link *link, const char *path) {
  *link = (struct link){.state = LINK_PRESENT, .fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC), .wakeups = -1, .listener = -1};
  if (link->fd < 0) return errno;
  // While the host is away the port polls as hung up and readable without end. Edge-triggered, it does so once for
  // each time that the driver wakes its waiters, which it does when the host comes back.
  link->wakeups = epoll_create1(EPOLL_CLOEXEC);
  if (link->wakeups < 0) return errno;
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET};
  return epoll_ctl(link->wakeups, EPOLL_CTL_ADD, link->fd, &event) != 0 ? errno : 0;
}

static void forget_wakeups(const struct link *link) {
  struct epoll_event event;
  while (epoll_wait(link->wakeups, &event, 1, 0) < 0 && errno == EINTR) continue;
}

static void hang_up(struct link *link) {
  if (link->fd >= 0) close(link->fd);
  link->fd = -1;
  link->state = LINK_AWAY;
}

// The wake-ups of the past are forgotten before the port is looked at: a host that comes after the look wakes us.
static void leave(struct link *link) {
  if (link->listener >= 0) {
    hang_up(link);
    return;
  }
  if (link->wakeups < 0) {
    link->state = LINK_ENDED;
    return;
  }
  forget_wakeups(link);
  struct pollfd now = {.fd = link->fd, .events = POLLOUT};
  link->state = poll(&now, 1, 0) >= 0 && (now.revents & (POLLHUP | POLLERR)) == 0 ? LINK_PRESENT : LINK_AWAY;
}

size_t link_read(struct link *link, void *bytes, size_t size) {
  if (link->state != LINK_PRESENT || size == 0) return 0;
  ssize_t got = read(link->fd, bytes, size);
  if (got > 0) return (size_t)got;
  if (got == 0 || (errno != EAGAIN && errno != EINTR)) leave(link);
  return 0;
}

void link_broke(struct link *link) { leave(link); }

void link_polls(const struct link *link, bool reading, bool writing, struct pollfd *polls) {
  bool present = link->state == LINK_PRESENT, away = link->state == LINK_AWAY;
  short events = (short)((reading ? POLLIN : 0) | (writing ? POLLOUT : 0));
  polls[0] = (struct pollfd){.fd = present ? link->fd : -1, .events = events};
  polls[1] = (struct pollfd){.fd = link->listener >= 0 ? link->listener : away ? link->wakeups : -1, .events = POLLIN};
}

// Takes the newest of those who wait, if the host is among them.
static bool take_connection(struct link *link) {
  bool taken = false;
  for (int fd; (fd = accept4(link->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
    if (!vsock_peer_may_connect(fd)) {
      close(fd);
      continue;
    }
    hang_up(link);
    link->fd = fd;
    link->state = LINK_PRESENT;
    taken = true;
  }
  return taken;
}

bool link_polled(struct link *link, const struct pollfd *polls) {
  // A hang-up with bytes before it is found by reading them.
  if ((polls[0].revents & (POLLHUP | POLLERR)) != 0 && (polls[0].revents & POLLIN) == 0) leave(link);
  if (polls[1].revents == 0) return false;
  if (link->listener >= 0) return take_connection(link);
  forget_wakeups(link);
  link->state = LINK_PRESENT;
  return false;
}
