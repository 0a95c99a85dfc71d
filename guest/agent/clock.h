#ifndef BANGER_CLOCK_H
#define BANGER_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

// What the host says of the time: the instant `guest_ns` of CLOCK_BOOTTIME is `unix_ns` of Unix time.
struct clock_anchor {
  uint64_t guest_ns;
  uint64_t unix_ns;
};

// By how much the guest's clock is ahead of the host's (behind: below 0), when it is `real_ns` at `boot_ns`.
int64_t clock_offset(const struct clock_anchor *anchor, uint64_t boot_ns, uint64_t real_ns);

// True for an offset that is worth a step of the clock.
bool clock_is_off(int64_t offset);

// CLOCK_REALTIME now, in nanoseconds.
uint64_t clock_real_ns(void);

// Sets CLOCK_REALTIME. Returns 0 or an errno.
int clock_set(uint64_t unix_ns);

#endif
