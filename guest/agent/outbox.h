#ifndef BANGER_OUTBOX_H
#define BANGER_OUTBOX_H

#include <stdbool.h>

#include "frame.h"

enum {
  OUTBOX_SIZE = 256 * 1024,
  // Answers are made only while this much is free, output only while twice this much is: neither can overflow it.
  OUTBOX_RESERVE = 64 * 1024,
};

// Frames on their way to the host, in a buffer of fixed size.
struct outbox {
  uint8_t bytes[OUTBOX_SIZE];
  // Where the bytes that no write took yet begin, and end.
  size_t begin;
  size_t end;
  // Where the first frame begins of which no byte was written: never before `begin`.
  size_t untouched;
};

// How many bytes are free.
size_t outbox_free(const struct outbox *outbox);

// True while an answer may be added.
bool outbox_takes_answers(const struct outbox *outbox);

// True while a frame of output may be added.
bool outbox_takes_output(const struct outbox *outbox);

// Where the payload of the next frame goes; FRAME_PAYLOAD_MAX bytes fit. Call it only after one of the two above said yes.
uint8_t *outbox_payload(struct outbox *outbox);

// Adds the frame whose payload was put where outbox_payload pointed.
void outbox_add(struct outbox *outbox, const struct frame *frame);

// Forgets the frames of which no byte was written. The rest of a begun frame stays, so that the host's reader is
// at the beginning of a frame when the next one comes.
void outbox_forget(struct outbox *outbox);

// Forgets all frames, also the rest of one: what they were for is gone.
void outbox_empty(struct outbox *outbox);

// Writes what the descriptor takes without blocking. Returns 0, or the errno of a broken stream.
int outbox_flush(struct outbox *outbox, int fd);

#endif
