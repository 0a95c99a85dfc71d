#include <string.h>

#include "check.h"
#include "frame.h"

static struct frame_decoder decoder;

static void feed(const uint8_t *bytes, size_t length) {
  while (length > 0) {
    uint8_t *at;
    size_t space = frame_decoder_space(&decoder, &at);
    size_t count = space < length ? space : length;
    CHECK(count > 0);
    memcpy(at, bytes, count);
    frame_decoder_added(&decoder, count);
    bytes += count;
    length -= count;
    if (length > 0) {
      struct frame ignored;
      while (frame_decoder_next(&decoder, &ignored)) continue;
    }
  }
}

static size_t make(uint8_t *at, uint8_t type, const char *text) {
  size_t length = strlen(text);
  memcpy(at + FRAME_HEADER, text, length);
  frame_seal(at, &(struct frame){.session = 7, .stream = 3, .type = type, .flags = FRAME_MORE, .length = (uint32_t)length});
  return FRAME_HEADER + length;
}

static void finds_a_frame_in_pieces(void) {
  uint8_t bytes[64];
  size_t length = make(bytes, FRAME_STDIN, "hello");
  struct frame frame;
  for (size_t i = 0; i < length; i++) {
    CHECK(!frame_decoder_next(&decoder, &frame));
    feed(bytes + i, 1);
  }
  CHECK(frame_decoder_next(&decoder, &frame));
  CHECK(frame.session == 7 && frame.stream == 3 && frame.type == FRAME_STDIN && frame.flags == FRAME_MORE);
  CHECK(frame.length == 5 && memcmp(frame.payload, "hello", 5) == 0);
  CHECK(!frame_decoder_next(&decoder, &frame));
}

static void drops_what_is_broken(void) {
  uint8_t bytes[256];
  struct frame frame;
  for (size_t bit = 0; bit < 8 * (FRAME_HEADER + 5); bit++) {
    decoder = (struct frame_decoder){0};
    size_t broken = make(bytes, FRAME_STDIN, "wrong");
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    feed(bytes, broken);
    // Whatever length the broken header tells, a whole frame's worth of zeros is past it.
    static const uint8_t zeros[FRAME_MAX];
    feed(zeros, sizeof zeros);
    size_t length = make(bytes, FRAME_PING, "right");
    feed(bytes, length);
    CHECK(frame_decoder_next(&decoder, &frame));
    CHECK(frame.type == FRAME_PING && memcmp(frame.payload, "right", 5) == 0);
  }
}

static void survives_noise(void) {
  uint64_t state = 88172645463325252u;
  static uint8_t noise[4096];
  struct frame frame;
  decoder = (struct frame_decoder){0};
  for (int round = 0; round < 2000; round++) {
    for (size_t i = 0; i < sizeof noise; i++) noise[i] = (uint8_t)next_random(&state);
    // Noise that looks like the beginning of a frame goes further in.
    for (size_t at = next_random(&state) % 64; at + 24 < sizeof noise; at += 32 + next_random(&state) % 256) {
      memcpy(noise + at, "BNG1", 4);
      if (next_random(&state) % 2 == 0) memset(noise + at + 17, 0, 3);
    }
    feed(noise, next_random(&state) % sizeof noise);
    while (frame_decoder_next(&decoder, &frame)) CHECK(frame.length <= FRAME_PAYLOAD_MAX);
  }
}

int main(void) {
  finds_a_frame_in_pieces();
  drops_what_is_broken();
  survives_noise();
  puts("ok frame");
  return 0;
}
