#ifndef BANGER_WAIT_H
#define BANGER_WAIT_H

#include <stdbool.h>

// Asks `ready` again each millisecond until it says true, at most for `limit_ms`. Devices that the kernel finds by
// itself are there within a few; nothing here waits for udev.
bool wait_until(bool (*ready)(void *context), void *context, unsigned limit_ms);

#endif
