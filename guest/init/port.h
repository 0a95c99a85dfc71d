#ifndef BANGER_PORT_H
#define BANGER_PORT_H

enum { PORT_PATH_MAX = 300 };

// Waits for the virtio-serial port of that name and tells the path of its device; one without a name will do when none
// has come after a while. Returns 0 or an errno.
int port_find(const char *name, char path[PORT_PATH_MAX]);

#endif
