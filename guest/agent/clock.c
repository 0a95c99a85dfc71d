#include "clock.h"

#include <errno.h>
#include <time.h>

static const int64_t tolerance_ns = 5000000;
static const uint64_t ns_per_s = 1000000000;

int64_t clock_offset(const struct clock_anchor *anchor, uint64_t boot_ns, uint64_t real_ns) {
  return (int64_t)(real_ns - (anchor->unix_ns + (boot_ns - anchor->guest_ns)));
}

bool clock_is_off(int64_t offset) { return offset > tolerance_ns || offset < -tolerance_ns; }

uint64_t clock_real_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * ns_per_s + (uint64_t)now.tv_nsec;
}

int clock_set(uint64_t unix_ns) {
  struct timespec time = {.tv_sec = (time_t)(unix_ns / ns_per_s), .tv_nsec = (long)(unix_ns % ns_per_s)};
  return clock_settime(CLOCK_REALTIME, &time) == 0 ? 0 : errno;
}
