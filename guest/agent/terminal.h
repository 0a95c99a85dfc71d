#ifndef BANGER_TERMINAL_H
#define BANGER_TERMINAL_H

#include <stdint.h>

// What says to a terminal's line discipline that the input has ended (VEOF, as terminals are made).
enum { TERMINAL_END_OF_INPUT = 4 };

struct terminal_size {
  uint16_t rows;
  uint16_t columns;
};

// Makes a pseudo-terminal: the host's side, which doesn't block, and the command's. Returns 0 or an errno.
int terminal_open(const struct terminal_size *size, int *host, int *command);

// Says how large it is now; who runs in front there gets SIGWINCH.
void terminal_resize(int host, const struct terminal_size *size);

// The process group in front; 0 where there is none.
int terminal_front(int host);

// Makes it the controlling terminal of the session that this process leads. Returns 0 or an errno.
int terminal_control(int command);

#endif
