#ifndef BANGER_DISK_H
#define BANGER_DISK_H

#include <stdint.h>

enum { SUPERBLOCK_AT = 1024, SUPERBLOCK_SIZE = 1024 };

// An ext4 file system's size, from its superblock. Both are 0 when it isn't one.
struct ext4_size {
  uint64_t blocks;
  uint32_t block_size;
};

struct ext4_size ext4_size(const uint8_t superblock[SUPERBLOCK_SIZE]);

// Waits for the disk, mounts it, and grows its file system to the size of the disk. Dies when it can't be mounted.
void disk_mount(const char *device, const char *at);

#endif
