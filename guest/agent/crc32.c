#include "crc32.h"

#include "bytes.h"

// Four tables: four bytes a step, since the checksum is what bulk output costs under software emulation.
static uint32_t tables[4][256];

static void fill_tables(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int bit = 0; bit < 8; bit++) c = (c & 1) ? 0xedb88320u ^ (c >> 1) : c >> 1;
    tables[0][i] = c;
  }
  for (int t = 1; t < 4; t++) {
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t c = tables[t - 1][i];
      tables[t][i] = tables[0][c & 0xff] ^ (c >> 8);
    }
  }
}

uint32_t crc32_update(uint32_t crc, const uint8_t *bytes, size_t length) {
  if (tables[0][1] == 0) fill_tables();
  crc = ~crc;
  for (; length >= 4; length -= 4, bytes += 4) {
    crc ^= get_u32(bytes);
    crc = tables[3][crc & 0xff] ^ tables[2][(crc >> 8) & 0xff] ^ tables[1][(crc >> 16) & 0xff] ^ tables[0][crc >> 24];
  }
  for (; length > 0; length--) crc = tables[0][(crc ^ *bytes++) & 0xff] ^ (crc >> 8);
  return ~crc;
}
