#ifndef BANGER_POWER_H
#define BANGER_POWER_H

#include "agent.h"

// Ends the machine: through systemd when that is what runs it, else at once.
void power_end(enum power how);

#endif
