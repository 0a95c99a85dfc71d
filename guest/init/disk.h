#ifndef BANGER_DISK_H
#define BANGER_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SUPERBLOCK_AT = 1024, SUPERBLOCK_SIZE = 1024 };

// An ext4 file system's size, from its superblock. Both are 0 when it isn't one.
struct ext4_size {
  uint64_t blocks;
  uint32_t block_size;
};

struct ext4_size ext4_size(const uint8_t superblock[SUPERBLOCK_SIZE]);

// True when the kernel found errors in it that nothing has mended yet.
bool ext4_has_errors(const uint8_t superblock[SUPERBLOCK_SIZE]);

// Waits for the disk, has its file system checked where that is needed, and mounts it. Dies when it can't, by the name `what`.
void disk_mount(const char *device, const char *at, unsigned long flags, const char *what);

// A disk whose file system, of which a directory is open, is grown once.
struct disk_grown {
  char device[40];
  int file_system;
};

// Grows it now, to what fits on its disk.
void disk_grow(const struct disk_grown *disk);

// Grows the file system at `/` to what fits on its disk, now and whenever that is made larger, and before that the `others`, which it
// closes, in a process of its own: a large disk takes seconds, and nobody has to wait for them.
void disk_tend(const char *device, const struct disk_grown others[], size_t count);

#endif
