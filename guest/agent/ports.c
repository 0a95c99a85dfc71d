#include "ports.h"

#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "proc-file.h"

enum {
  // Of each file: listeners come first in it, so connections without end hide none.
  LINES_MAX = 4096,
  // What /proc/net says of a socket that listens: TCP_LISTEN, and for UDP TCP_CLOSE, as it has no peer.
  STATE_LISTENS = 0x0a,
  STATE_UNCONNECTED = 0x07,
};

// An address as /proc/net has it: words in hexadecimal, each as this machine keeps it. Returns its bytes, 0 when it is none.
static size_t read_address(const char *text, uint8_t *at) {
  size_t length = strlen(text);
  if (length != 8 && length != 32) return 0;
  for (size_t i = 0; i < length; i += 8) {
    unsigned word;
    if (sscanf(text + i, "%8x", &word) != 1) return 0;
    uint32_t kept = word;
    memcpy(at + i / 2, &kept, sizeof kept);
  }
  return length / 2;
}

static bool is_known(const struct ports *ports, const struct port *port) {
  for (size_t i = 0; i < ports->count; i++) {
    const struct port *known = &ports->all[i];
    if (known->transport == port->transport && known->number == port->number &&
        known->address_size == port->address_size && memcmp(known->address, port->address, port->address_size) == 0) {
      return true;
    }
  }
  return false;
}

// Reads a line; false when it tells of nothing that listens.
static bool read_line(const char *line, enum transport transport, struct port *port) {
  *port = (struct port){.transport = transport};
  char address[33];
  unsigned number, peer, state;
  // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
  int read = sscanf(line, " %*10[0-9]: %32[0-9A-Fa-f]:%4x %*32[0-9A-Fa-f]:%4x %2x %*17s %*17s %*8s %*10s %*10s %19lu", address,
                    &number, &peer, &state, &port->inode);
  if (read != 5 || peer != 0 || state != (transport == TRANSPORT_TCP ? STATE_LISTENS : STATE_UNCONNECTED)) return false;
  port->number = (uint16_t)number;
  port->address_size = read_address(address, port->address);
  return port->address_size != 0;
}

static void read_file(struct ports *ports, FILE *file, enum transport transport) {
  char line[512];
  bool listens = false;
  int lines = 0;
  while (lines < LINES_MAX && fgets(line, sizeof line, file) != NULL) {
    lines++;
    struct port port;
    listens = read_line(line, transport, &port);
    if (!listens || is_known(ports, &port)) continue;
    if (ports->count == PORTS_MAX) {
      ports->more = true;
      return;
    }
    ports->all[ports->count++] = port;
  }
  if (lines == LINES_MAX && listens) ports->more = true;
}

void ports_read(struct ports *ports, int proc) {
  static const struct {
    const char *path;
    enum transport transport;
  } files[] = {
      {"net/tcp", TRANSPORT_TCP},
      {"net/tcp6", TRANSPORT_TCP},
      {"net/udp", TRANSPORT_UDP},
      {"net/udp6", TRANSPORT_UDP},
  };
  *ports = (struct ports){0};
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    FILE *file = proc_file_open(proc, files[i].path);
    if (file == NULL) continue;
    read_file(ports, file, files[i].transport);
    fclose(file);
  }
}

size_t ports_encode(const struct ports *ports, uint8_t *at) {
  uint8_t *start = at;
  *at++ = ports->more;
  for (size_t i = 0; i < ports->count; i++) {
    const struct port *port = &ports->all[i];
    *at++ = (uint8_t)port->transport;
    *at++ = (uint8_t)port->address_size;
    memcpy(at, port->address, port->address_size);
    at += port->address_size;
    put_u16(at, port->number);
    size_t length = strlen(port->process);
    at[2] = (uint8_t)length;
    memcpy(at + 3, port->process, length);
    at += 3 + length;
  }
  return (size_t)(at - start);
}
