#ifndef BANGER_NETWORK_H
#define BANGER_NETWORK_H

#include "config.h"

// Brings up the loopback, and the interface that has the MAC address, with its address and default route. What fails is
// told on the console and left: the host still reaches the agent.
void network_configure(const struct config *config);

#endif
