#include "stdin-buffer.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

// What goes in comes out in order, however both ends stutter, and no more is taken than was allowed.
int main(void) {
  int pipe_ends[2];
  CHECK(pipe2(pipe_ends, O_NONBLOCK) == 0);
  struct stdin_buffer buffer;
  CHECK(stdin_buffer_open(&buffer));
  uint64_t state = 7, sent = 0, received = 0, allowed = stdin_buffer_take_credit(&buffer);
  CHECK(allowed > 0);
  static uint8_t chunk[16384];
  while (received < 10 * 1000 * 1000) {
    size_t count = next_random(&state) % sizeof chunk;
    if (count > allowed) count = (size_t)allowed;
    for (size_t i = 0; i < count; i++) chunk[i] = (uint8_t)((sent + i) * 31);
    if (count > 0) CHECK(stdin_buffer_add(&buffer, chunk, count));
    sent += count;
    allowed -= count;
    stdin_buffer_drain(&buffer, &pipe_ends[1]);
    ssize_t got = read(pipe_ends[0], chunk, next_random(&state) % sizeof chunk + 1);
    for (ssize_t i = 0; i < got; i++) CHECK(chunk[i] == (uint8_t)((received + (uint64_t)i) * 31));
    if (got > 0) received += (uint64_t)got;
    allowed += stdin_buffer_take_credit(&buffer);
  }
  // One byte more than was allowed is refused.
  while (allowed > 0) {
    size_t count = allowed < sizeof chunk ? (size_t)allowed : sizeof chunk;
    CHECK(stdin_buffer_add(&buffer, chunk, count));
    allowed -= count;
  }
  CHECK(!stdin_buffer_add(&buffer, chunk, 1));
  stdin_buffer_close(&buffer);
  puts("ok stdin-buffer");
  return 0;
}
