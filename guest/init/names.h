#ifndef BANGER_NAMES_H
#define BANGER_NAMES_H

#include <stdbool.h>

#include "config.h"

// Makes the machine on the disk find its own name and localhost: adds to /etc/hosts what isn't there, or writes one. `root` is a
// descriptor of the disk's root. Returns 0 or an errno.
int names_write_hosts(int root, const struct config *config);

// Writes /etc/resolv.conf, in the place of a link too: the name servers and where names are looked for. Returns 0 or an errno.
int names_write_resolvers(int root, const struct config *config);

// Gives the machine its machine-id, in the place of one that an image brought; also D-Bus's copy, where that is a file of its own.
// With `keeps` it leaves a valid one as it is. Returns 0 or an errno.
int names_write_machine_id(int root, const struct config *config, bool keeps);

#endif
