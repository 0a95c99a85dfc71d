#ifndef BANGER_CRC32_H
#define BANGER_CRC32_H

#include <stddef.h>
#include <stdint.h>

// CRC-32 (IEEE 802.3) of `length` bytes, going on from `crc` (0 to begin).
uint32_t crc32_update(uint32_t crc, const uint8_t *bytes, size_t length);

#endif
