#include "outbox.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

size_t outbox_free(const struct outbox *outbox) { return sizeof outbox->bytes - (outbox->end - outbox->begin); }

bool outbox_takes_answers(const struct outbox *outbox) { return outbox_free(outbox) >= OUTBOX_RESERVE; }

bool outbox_takes_output(const struct outbox *outbox) { return outbox_free(outbox) >= 2 * OUTBOX_RESERVE; }

uint8_t *outbox_payload(struct outbox *outbox) {
  if (sizeof outbox->bytes - outbox->end < FRAME_MAX) {
    memmove(outbox->bytes, outbox->bytes + outbox->begin, outbox->end - outbox->begin);
    outbox->end -= outbox->begin;
    outbox->untouched -= outbox->begin;
    outbox->begin = 0;
  }
  return outbox->bytes + outbox->end + FRAME_HEADER;
}

void outbox_add(struct outbox *outbox, const struct frame *frame) {
  frame_seal(outbox->bytes + outbox->end, frame);
  outbox->end += FRAME_HEADER + frame->length;
}

void outbox_forget(struct outbox *outbox) { outbox->end = outbox->untouched; }

void outbox_empty(struct outbox *outbox) { outbox->begin = outbox->end = outbox->untouched = 0; }

static void took(struct outbox *outbox, size_t count) {
  outbox->begin += count;
  while (outbox->untouched < outbox->begin) {
    outbox->untouched += FRAME_HEADER + frame_payload_length(outbox->bytes + outbox->untouched);
  }
}

int outbox_flush(struct outbox *outbox, int fd) {
  while (outbox->begin < outbox->end) {
    ssize_t written = write(fd, outbox->bytes + outbox->begin, outbox->end - outbox->begin);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno == EAGAIN ? 0 : errno;
    took(outbox, (size_t)written);
  }
  outbox_empty(outbox);
  return 0;
}
