// What the host may send, mutated: the frame decoder, what commands are given, dispatch. Under sanitizers; seeded, so that a
// failure can be had again: BANGER_FUZZ_SECONDS (1), BANGER_FUZZ_SEED.
#include <string.h>
#include <time.h>

#include "agent.h"
#include "bytes.h"
#include "check.h"
#include "dispatch.h"

enum { SEED_BYTES = 3 * FRAME_MAX };

static uint64_t state;
static struct agent agent;
static uint8_t bytes[SEED_BYTES];

static uint32_t below(uint32_t limit) { return (uint32_t)(next_random(&state) % limit); }

// Numbers at whose edges parsers break.
static uint32_t edge(void) {
  static const uint32_t edges[] = {0, 1, 2, 4, 5, 15, 16, 17, 255, 256, 16383, 16384, 16385, 131071, 131072, 131073, 1u << 31, ~0u};
  return below(4) == 0 ? (uint32_t)next_random(&state) : edges[below(sizeof edges / sizeof edges[0])];
}

static size_t put_item(uint8_t *at, size_t room) {
  uint32_t length = below(3) == 0 ? 0 : below(24);
  if (5 + length > room) return 0;
  at[0] = (uint8_t)below(8);
  put_u32(at + 1, below(8) == 0 ? edge() : length);
  for (uint32_t i = 0; i < length; i++) at[5 + i] = (uint8_t)(below(16) == 0 ? 0 : "a=/:0"[below(5)]);
  return 5 + length;
}

static size_t put_request(uint8_t *at, size_t room) {
  size_t length = 0;
  for (uint32_t items = below(12); items > 0; items--) length += put_item(at + length, room - length);
  return length;
}

static size_t put_frame(uint8_t *at) {
  static const uint8_t types[] = {FRAME_ATTACH, FRAME_PING, FRAME_TIME, FRAME_EXEC, FRAME_STDIN, FRAME_CREDIT, FRAME_SIGNAL, FRAME_RESIZE, FRAME_USAGE, FRAME_PORTS};
  uint8_t type = below(8) == 0 ? (uint8_t)next_random(&state) : types[below(sizeof types)];
  static const uint8_t lengths[] = {[FRAME_ATTACH] = 18, [FRAME_PING] = 8, [FRAME_TIME] = 16, [FRAME_USAGE] = 8, [FRAME_PORTS] = 8, [FRAME_SIGNAL] = 1, [FRAME_CREDIT] = 4, [FRAME_RESIZE] = 4};
  size_t length = below(16) == 0 ? below(FRAME_PAYLOAD_MAX + 1) : type < sizeof lengths && lengths[type] != 0 ? lengths[type] : below(64);
  for (size_t i = 0; i < length; i++) at[FRAME_HEADER + i] = (uint8_t)next_random(&state);
  if (type == FRAME_EXEC && below(8) != 0) length = put_request(at + FRAME_HEADER, FRAME_PAYLOAD_MAX);
  struct frame frame = {.session = below(16) == 0 ? edge() : agent.session,
                        .stream = below(8) == 0 ? edge() : below(EXEC_SLOTS + 4),
                        .type = type,
                        .flags = (uint8_t)(below(3) == 0),
                        .length = (uint32_t)length};
  frame_seal(at, &frame);
  return FRAME_HEADER + length;
}

static void mutate(uint8_t *at, size_t length) {
  for (uint32_t times = below(3); times > 0 && length > 4; times--) {
    uint32_t where = below((uint32_t)length - 3);
    if (below(2) == 0) at[where] ^= (uint8_t)(1u << below(8));
    else put_u32(at + where, edge());
  }
}

// A command that would be started for real is given no request that is whole: only its parsing is tried here.
static bool would_start(const struct frame *frame) { return frame->type == FRAME_EXEC && (frame->flags & FRAME_MORE) == 0; }

static void try_request(const struct frame *frame) {
  // A copy of just its length, so that a byte read behind it is seen.
  uint8_t *copy = malloc(frame->length + 1);
  CHECK(copy != NULL);
  memcpy(copy + 1, frame->payload, frame->length);
  struct exec_request request;
  if (exec_request_decode(copy + 1, frame->length, &request) == 0) {
    CHECK(request.argv[0] != NULL);
    exec_request_free(&request);
  }
  free(copy);
}

static void feed(size_t length) {
  for (size_t fed = 0; fed < length;) {
    uint8_t *at;
    size_t space = frame_decoder_space(&agent.in, &at);
    CHECK(space > 0);
    size_t count = 1 + below(below(2) == 0 ? 64 : FRAME_MAX);
    if (count > space) count = space;
    if (count > length - fed) count = length - fed;
    memcpy(at, bytes + fed, count);
    frame_decoder_added(&agent.in, count);
    fed += count;
    struct frame frame;
    while (frame_decoder_next(&agent.in, &frame)) {
      CHECK(frame.length <= FRAME_PAYLOAD_MAX);
      if (frame.type == FRAME_EXEC) try_request(&frame);
      if (!would_start(&frame)) dispatch(&agent, &frame);
      agent.ending = false;
      CHECK(outbox_free(&agent.out) <= OUTBOX_SIZE);
      // Somebody reads what it answers, as a rule in pieces.
      if (!outbox_takes_answers(&agent.out)) agent.out = (struct outbox){0};
    }
  }
}

static void round_of_frames(void) {
  size_t length = 0;
  for (uint32_t frames = 1 + below(8); frames > 0 && length + FRAME_MAX <= sizeof bytes; frames--) {
    size_t added = put_frame(bytes + length);
    if (below(3) == 0) mutate(bytes + length, added);
    length += below(32) == 0 ? below((uint32_t)added) : added;
  }
  feed(length);
}

int main(void) {
  const char *seconds_text = getenv("BANGER_FUZZ_SECONDS"), *seed_text = getenv("BANGER_FUZZ_SEED");
  long seconds = seconds_text == NULL ? 1 : strtol(seconds_text, NULL, 10);
  // Never 0, of which nothing comes.
  uint64_t seed = seed_text == NULL ? 88172645463325252u : strtoull(seed_text, NULL, 10) | 1;
  state = seed;
  agent.cgroups = -1;
  unsigned long rounds = 0;
  for (time_t end = time(NULL) + seconds; time(NULL) < end; rounds++) round_of_frames();
  for (size_t i = 0; i < EXEC_SLOTS; i++) exec_drop(&agent.execs[i]);
  if (seconds_text != NULL) fprintf(stderr, "fuzz: %lu rounds, seed %llu\n", rounds, (unsigned long long)seed);
  puts("ok fuzz");
  return 0;
}
