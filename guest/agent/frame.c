#include "frame.h"

#include <string.h>

#include "bytes.h"
#include "crc32.h"

static const uint8_t magic[4] = {'B', 'N', 'G', '1'};

size_t frame_decoder_space(struct frame_decoder *decoder, uint8_t **at) {
  if (decoder->begin > 0) {
    memmove(decoder->bytes, decoder->bytes + decoder->begin, decoder->end - decoder->begin);
    decoder->end -= decoder->begin;
    decoder->begin = 0;
  }
  *at = decoder->bytes + decoder->end;
  return sizeof decoder->bytes - decoder->end;
}

void frame_decoder_added(struct frame_decoder *decoder, size_t count) { decoder->end += count; }

void frame_decoder_forget(struct frame_decoder *decoder) { decoder->begin = decoder->end = 0; }

// Drops bytes until a magic, or what may become one, stands in front.
static void skip_garbage(struct frame_decoder *decoder) {
  while (decoder->begin < decoder->end) {
    size_t left = decoder->end - decoder->begin;
    const uint8_t *found = memchr(decoder->bytes + decoder->begin, magic[0], left);
    if (found == NULL) {
      decoder->begin = decoder->end;
      return;
    }
    decoder->begin = (size_t)(found - decoder->bytes);
    left = decoder->end - decoder->begin;
    if (memcmp(found, magic, left < sizeof magic ? left : sizeof magic) == 0) return;
    decoder->begin++;
  }
}

uint32_t frame_payload_length(const uint8_t *at) { return get_u32(at + 16); }

static uint32_t checksum(const uint8_t *at, uint32_t length) {
  return crc32_update(crc32_update(0, at, 20), at + FRAME_HEADER, length);
}

bool frame_decoder_next(struct frame_decoder *decoder, struct frame *frame) {
  for (;;) {
    skip_garbage(decoder);
    size_t left = decoder->end - decoder->begin;
    if (left < FRAME_HEADER) return false;
    const uint8_t *at = decoder->bytes + decoder->begin;
    uint32_t length = frame_payload_length(at);
    if (length <= FRAME_PAYLOAD_MAX) {
      if (left < FRAME_HEADER + length) return false;
      if (checksum(at, length) == get_u32(at + 20)) {
        *frame = (struct frame){
            .session = get_u32(at + 4),
            .stream = get_u32(at + 8),
            .type = at[12],
            .flags = at[13],
            .length = length,
            .payload = at + FRAME_HEADER,
        };
        decoder->begin += FRAME_HEADER + length;
        return true;
      }
    }
    decoder->begin++;
  }
}

void frame_seal(uint8_t *at, const struct frame *frame) {
  memcpy(at, magic, sizeof magic);
  put_u32(at + 4, frame->session);
  put_u32(at + 8, frame->stream);
  at[12] = frame->type;
  at[13] = frame->flags;
  put_u16(at + 14, 0);
  put_u32(at + 16, frame->length);
  put_u32(at + 20, checksum(at, frame->length));
}
