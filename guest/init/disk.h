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

// Waits for the disk and mounts it. Dies when it can't. Returns how many blocks its file system should have, or 0 when it
// has as many as fit.
uint64_t disk_mount(const char *device, const char *at);

// Grows the file system at `/` to so many blocks, in a process of its own: a large disk takes seconds, and nobody has to
// wait for them.
void disk_grow(uint64_t blocks);

#endif
