#ifndef BANGER_CONFIG_H
#define BANGER_CONFIG_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

enum { CONFIG_FILE_MAX = 16 * 1024, RESOLVERS_MAX = 8, RESOLVER_TEXT_MAX = 46, HOSTNAME_MAX = 64, MAC_TEXT = 17,
       SEARCH_MAX = 1600, MACHINE_ID_TEXT = 32, VOLUMES_MAX = 8, SERIAL_MAX = 20, VOLUME_PATH_MAX = 200 };

// A disk beside the root disk: its serial number, hexadecimal digits, and where it is mounted.
struct volume {
  char serial[SERIAL_MAX + 1];
  // Absolute, without `.` and `..`, not the root itself.
  char path[VOLUME_PATH_MAX + 1];
};

// What /banger/config says: docs/guest-protocol.md, "What init is given".
struct config {
  // Empty: keep the image's.
  char hostname[HOSTNAME_MAX + 1];
  bool has_address;
  struct in_addr address;
  // Length of the network's part of the address, in bits.
  unsigned prefix;
  bool has_gateway;
  struct in_addr gateway;
  char resolvers[RESOLVERS_MAX][RESOLVER_TEXT_MAX];
  size_t resolver_count;
  // Domains that names are looked for in, as resolv.conf has them; empty: none.
  char search[SEARCH_MAX + 1];
  // 32 hex digits; empty: keep the image's.
  char machine_id[MACHINE_ID_TEXT + 1];
  // `aa:bb:cc:dd:ee:ff`, lower case, as sysfs writes it; empty: no interface.
  char mac[MAC_TEXT + 1];
  // In the order in which they are mounted.
  struct volume volumes[VOLUMES_MAX];
  size_t volume_count;
};

// Reads `key=value` lines (and changes the text). Keys that it doesn't know are left alone, for those of later daemons.
// Returns 0, or the number of the line that makes no sense, from 1.
unsigned config_parse(char *text, struct config *config);

#endif
