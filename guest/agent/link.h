#ifndef BANGER_LINK_H
#define BANGER_LINK_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { LINK_POLLS = 2 };

// The byte stream to the host: a stream socket, which ends; a virtio-serial port, from which the host goes and comes; or the
// connections that a socket gets which listens, one at a time: the newest takes the place of the one before.
// PRESENT → AWAY (the host is gone) → PRESENT (the kernel woke us; the host has connected). PRESENT → ENDED (a socket's peer is gone).
enum link_state { LINK_PRESENT, LINK_AWAY, LINK_ENDED };

struct link {
  enum link_state state;
  // -1: no host has connected.
  int fd;
  // A port's: readable once per wake-up of the port, however long its host stays away. -1 for a socket.
  int wakeups;
  // Where hosts connect; -1 for a port, and a socket that is connected.
  int listener;
};

// Takes over a stream socket that is connected, or listens. Returns 0 or an errno.
int link_use_socket(struct link *link, int fd);

// Opens a virtio-serial port. Returns 0 or an errno.
int link_open_port(struct link *link, const char *path);

// Reads what is there, without blocking; 0 when there is nothing.
size_t link_read(struct link *link, void *bytes, size_t size);

// Says that a write failed.
void link_broke(struct link *link);

// What to wait for; LINK_POLLS entries.
void link_polls(const struct link *link, bool reading, bool writing, struct pollfd *polls);

// Takes in what poll said of them. Returns true when another connection has begun: what was on the way belongs to none any more.
bool link_polled(struct link *link, const struct pollfd *polls);

#endif
