#ifndef BANGER_UEVENT_H
#define BANGER_UEVENT_H

#include <stdbool.h>
#include <stddef.h>

// A socket on which the kernel tells of its devices, or -1.
int uevent_open(void);

// True when an event says that the block device of this name has another size. An event is strings, one after the other.
bool uevent_tells_of_resize(const char *event, size_t length, const char *name);

// Waits until such an event comes, or one may have been lost; false when none can come any more.
bool uevent_await_resize(int fd, const char *name);

#endif
