#ifndef BANGER_FRAME_H
#define BANGER_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  FRAME_HEADER = 24,
  FRAME_PAYLOAD_MAX = 16384,
  FRAME_MAX = FRAME_HEADER + FRAME_PAYLOAD_MAX,
  FRAME_MORE = 1,
};

// docs/guest-protocol.md says what each carries.
enum frame_type {
  FRAME_ATTACH = 1,
  FRAME_HELLO = 2,
  FRAME_PING = 3,
  FRAME_PONG = 4,
  FRAME_TIMELINE = 5,
  FRAME_TIME = 6,
  FRAME_TIME_SET = 7,
  FRAME_STARTED = 8,
  FRAME_USAGE = 9,
  FRAME_USED = 10,
  FRAME_PORTS = 11,
  FRAME_LISTENING = 12,
  FRAME_EXEC = 16,
  FRAME_STDIN = 17,
  FRAME_SIGNAL = 18,
  FRAME_CREDIT = 19,
  FRAME_STDOUT = 20,
  FRAME_STDERR = 21,
  FRAME_STDIN_CREDIT = 22,
  FRAME_EXIT = 23,
  FRAME_RESIZE = 24,
  FRAME_SHUTDOWN = 32,
  FRAME_SHUTTING_DOWN = 33,
};

struct frame {
  uint32_t session;
  uint32_t stream;
  uint8_t type;
  uint8_t flags;
  uint32_t length;
  // Points into the decoder; good until it is asked for space or for the next frame.
  const uint8_t *payload;
};

// Bytes as they come, in which frames are found. It never holds more than two frames.
struct frame_decoder {
  uint8_t bytes[2 * FRAME_MAX];
  size_t begin;
  size_t end;
};

// Where the next bytes go, and how many fit.
size_t frame_decoder_space(struct frame_decoder *decoder, uint8_t **at);

// Says that `count` bytes were put where frame_decoder_space pointed.
void frame_decoder_added(struct frame_decoder *decoder, size_t count);

// Drops what it holds.
void frame_decoder_forget(struct frame_decoder *decoder);

// The next whole frame with a right checksum; false when more bytes are needed.
bool frame_decoder_next(struct frame_decoder *decoder, struct frame *frame);

// The length of the payload that the header at `at` tells.
uint32_t frame_payload_length(const uint8_t *at);

// Writes the header in front of a payload that stands at `at + FRAME_HEADER`.
void frame_seal(uint8_t *at, const struct frame *frame);

#endif
