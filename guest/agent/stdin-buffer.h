#ifndef BANGER_STDIN_BUFFER_H
#define BANGER_STDIN_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STDIN_WINDOW = 64 * 1024, STDIN_CREDIT_STEP = 16 * 1024 };

// What the daemon sent for a command's stdin and the pipe has not taken yet: never more than the window.
struct stdin_buffer {
  uint8_t *bytes;
  size_t begin;
  size_t length;
  // Taken by the pipe and not yet given back as credit.
  uint32_t owed;
  bool ended;
  // What is written behind the last byte, before the end; -1: nothing, or nothing any more.
  int farewell;
};

// True while there is something to write.
bool stdin_buffer_waits(const struct stdin_buffer *buffer);

// Returns false when memory is short.
bool stdin_buffer_open(struct stdin_buffer *buffer);

// Takes bytes; false when the daemon sent more than it had credit for.
bool stdin_buffer_add(struct stdin_buffer *buffer, const uint8_t *bytes, size_t length);

// Writes to the pipe without blocking, and closes it (setting it to -1) at the end or when its reader is gone.
void stdin_buffer_drain(struct stdin_buffer *buffer, int *fd);

// Credit that is worth a frame now, else 0.
uint32_t stdin_buffer_take_credit(struct stdin_buffer *buffer);

void stdin_buffer_close(struct stdin_buffer *buffer);

#endif
