#include "disk.h"

#include <string.h>

#include "bytes.h"
#include "check.h"

int main(void) {
  uint8_t superblock[SUPERBLOCK_SIZE] = {0};
  CHECK(ext4_size(superblock).block_size == 0);
  put_u16(superblock + 0x38, 0xef53);
  put_u32(superblock + 0x4, 1000);
  put_u32(superblock + 0x18, 2);
  CHECK(ext4_size(superblock).blocks == 1000 && ext4_size(superblock).block_size == 4096);
  // The upper half counts only in a file system of 64 bits.
  put_u32(superblock + 0x150, 1);
  CHECK(ext4_size(superblock).blocks == 1000);
  put_u32(superblock + 0x60, 0x80);
  CHECK(ext4_size(superblock).blocks == ((uint64_t)1 << 32 | 1000));
  put_u32(superblock + 0x18, 40);
  CHECK(ext4_size(superblock).block_size == 0);
  CHECK(!ext4_has_errors(superblock));
  put_u16(superblock + 0x3a, 2);
  CHECK(ext4_has_errors(superblock));
  // Not an ext4 file system at all.
  put_u16(superblock + 0x38, 0);
  CHECK(!ext4_has_errors(superblock));
  puts("ok disk");
  return 0;
}
