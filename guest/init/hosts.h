#ifndef BANGER_HOSTS_H
#define BANGER_HOSTS_H

#include <stddef.h>

// Room for what is added to a hosts file: localhost in both families, and a name of HOSTNAME_MAX twice.
enum { HOSTS_LINES_MAX = 512 };

// Writes into `lines` what has to stand behind the hosts file `text` so that localhost and the machine's own name are found, with a
// line's end before it where the file lacks its last one. Returns the length; 0 when nothing is missing.
size_t hosts_missing(const char *text, size_t length, const char *hostname, char lines[HOSTS_LINES_MAX]);

#endif
