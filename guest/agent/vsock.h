#ifndef BANGER_VSOCK_H
#define BANGER_VSOCK_H

#include <stdbool.h>

// The port on which the agent is reached (docs/guest-protocol.md).
enum { VSOCK_AGENT_PORT = 5000 };

// True where this machine has a virtio-vsock device, so that a host can reach it.
bool vsock_is_there(void);

// A socket on which the host, and whoever else, can connect to the agent; -1 with errno.
int vsock_listen(void);

// False for a peer that reached a vsock from elsewhere than the host: from this machine itself, say, where anybody may.
bool vsock_peer_may_connect(int fd);

#endif
