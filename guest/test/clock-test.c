#include "clock.h"

#include "check.h"

static const uint64_t second = 1000000000, year_2026 = 1795596000000000000;

static void tells_by_how_much_it_is_ahead(void) {
  struct clock_anchor anchor = {.guest_ns = 5 * second, .unix_ns = year_2026};
  CHECK(clock_offset(&anchor, 5 * second, year_2026) == 0);
  CHECK(clock_offset(&anchor, 6 * second, year_2026 + second - 7) == -7);
  CHECK(clock_offset(&anchor, 4 * second, year_2026) == (int64_t)second);
  CHECK(clock_offset(&anchor, 5 * second, 0) == -(int64_t)year_2026);
}

static void leaves_small_offsets(void) {
  CHECK(!clock_is_off(0) && !clock_is_off(5000000) && !clock_is_off(-5000000));
  CHECK(clock_is_off(5000001) && clock_is_off(-5000001) && clock_is_off(INT64_MIN));
}

int main(void) {
  tells_by_how_much_it_is_ahead();
  leaves_small_offsets();
  puts("ok clock");
  return 0;
}
