#ifndef BANGER_HOST_WAY_H
#define BANGER_HOST_WAY_H

enum { PORT_PATH_MAX = 300 };

// How the agent is reached by its host, whichever of the two the machine has.
struct host_way {
  // The path of a virtio-serial port's device.
  char port[PORT_PATH_MAX];
  // A socket that listens on vsock, and goes on listening while no agent runs: a host that connects then waits for the next
  // one, and nobody else can take the agent's place. -1 where the port is the way.
  int vsock;
};

// Waits for the virtio-serial port of that name, or a vsock device, on which it begins to listen; a port without a name will do
// when neither has come after a while. Returns 0 or an errno.
int host_way_find(const char *name, struct host_way *way);

#endif
