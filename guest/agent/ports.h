#ifndef BANGER_PORTS_H
#define BANGER_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  PORTS_MAX = 256,
  // A process's name, as the kernel keeps it (TASK_COMM_LEN), with its 0.
  PROCESS_NAME_SIZE = 16,
};

// As the protocol has them: the numbers of RFC 790.
enum transport { TRANSPORT_TCP = 6, TRANSPORT_UDP = 17 };

// A port on which something listens.
struct port {
  enum transport transport;
  // 4 or 16 bytes of `address`, in network order.
  size_t address_size;
  uint8_t address[16];
  uint16_t number;
  unsigned long inode;
  // Who has it open; empty when nobody was found.
  char process[PROCESS_NAME_SIZE];
};

struct ports {
  size_t count;
  // There are more than these.
  bool more;
  struct port all[PORTS_MAX];
};

// Reads what /proc/net/tcp, tcp6, udp and udp6 tell (proc(5)), of each address and port one; `proc`: that directory.
void ports_read(struct ports *ports, int proc);

// Looks for who has them open; gives up after a while, however many processes there are.
void ports_find_processes(struct ports *ports, int proc);

// Writes them as LISTENING has them, at most PORTS_ENCODED_MAX bytes. Returns how many.
size_t ports_encode(const struct ports *ports, uint8_t *at);

enum { PORTS_ENCODED_MAX = 1 + PORTS_MAX * (2 + 16 + 2 + 1 + PROCESS_NAME_SIZE - 1) };

#endif
