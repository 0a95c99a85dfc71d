#include "stdin-buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool stdin_buffer_open(struct stdin_buffer *buffer) {
  *buffer = (struct stdin_buffer){.bytes = malloc(STDIN_WINDOW), .owed = STDIN_WINDOW, .farewell = -1};
  return buffer->bytes != NULL;
}

bool stdin_buffer_add(struct stdin_buffer *buffer, const uint8_t *bytes, size_t length) {
  if (buffer->bytes == NULL || buffer->ended) return false;
  if (length > STDIN_WINDOW - buffer->length - buffer->owed) return false;
  size_t at = (buffer->begin + buffer->length) % STDIN_WINDOW;
  size_t first = length < STDIN_WINDOW - at ? length : STDIN_WINDOW - at;
  memcpy(buffer->bytes + at, bytes, first);
  memcpy(buffer->bytes, bytes + first, length - first);
  buffer->length += length;
  if (length == 0) buffer->ended = true;
  return true;
}

bool stdin_buffer_waits(const struct stdin_buffer *buffer) {
  return buffer->length > 0 || (buffer->ended && buffer->farewell >= 0);
}

// False while it can't be written.
static bool say_farewell(struct stdin_buffer *buffer, int fd) {
  uint8_t byte = (uint8_t)buffer->farewell;
  if (buffer->farewell >= 0 && write(fd, &byte, 1) < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  buffer->farewell = -1;
  return true;
}

static void consume(struct stdin_buffer *buffer, size_t count) {
  buffer->begin = (buffer->begin + count) % STDIN_WINDOW;
  buffer->length -= count;
  buffer->owed += (uint32_t)count;
}

void stdin_buffer_drain(struct stdin_buffer *buffer, int *fd) {
  while (buffer->length > 0 && *fd >= 0) {
    size_t count = buffer->length < STDIN_WINDOW - buffer->begin ? buffer->length : STDIN_WINDOW - buffer->begin;
    ssize_t written = write(*fd, buffer->bytes + buffer->begin, count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) return;
    if (written < 0) {
      close(*fd);
      *fd = -1;
    } else {
      consume(buffer, (size_t)written);
    }
  }
  // Nobody reads any more: what comes is thrown away and credited, so that the daemon gets to its end.
  if (*fd < 0) consume(buffer, buffer->length);
  if (buffer->ended && *fd >= 0 && say_farewell(buffer, *fd)) {
    close(*fd);
    *fd = -1;
  }
}

uint32_t stdin_buffer_take_credit(struct stdin_buffer *buffer) {
  if (buffer->bytes == NULL || buffer->ended || buffer->owed < STDIN_CREDIT_STEP) return 0;
  uint32_t credit = buffer->owed;
  buffer->owed = 0;
  return credit;
}

void stdin_buffer_close(struct stdin_buffer *buffer) {
  free(buffer->bytes);
  *buffer = (struct stdin_buffer){0};
}
