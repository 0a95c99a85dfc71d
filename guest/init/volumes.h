#ifndef BANGER_VOLUMES_H
#define BANGER_VOLUMES_H

#include <stddef.h>

#include "config.h"
#include "disk.h"

// Mounts the volumes that the VM is given below the disk at `root`, each at its path, which is made where the image lacks it and
// never leads out of that disk; a new one is given what the image has there first. What fails ends the boot, by name. Fills
// `grown` with what disk_tend wants of each, and returns how many there are.
size_t volumes_mount(const char *root, const struct config *config, struct disk_grown grown[VOLUMES_MAX]);

#endif
