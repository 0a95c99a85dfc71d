// Measures how fast this host's time-stamp counter counts, which an emulated guest reads as its own.
//
//   tsc-rate    prints kHz and exits 0; exits 1 where it can't be told

#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

#define MEASURED_NS 20000000L
#define TRIES 200
#define LEAST_KHZ 100000u
#define MOST_KHZ 20000000u

struct moment {
  uint64_t tsc;
  uint64_t ns;
};

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

// Both at once, as nearly as a busy host lets: of several readings the one that took the shortest time.
static struct moment moment_now(void) {
  struct moment best = {0, 0};
  uint64_t shortest = UINT64_MAX;
  for (int i = 0; i < TRIES; i++) {
    uint64_t before = __rdtsc();
    uint64_t ns = now_ns();
    uint64_t took = __rdtsc() - before;
    if (took >= shortest) continue;
    shortest = took;
    best = (struct moment){before + took / 2, ns};
  }
  return best;
}

int main(void) {
  struct moment begin = moment_now();
  nanosleep(&(struct timespec){.tv_nsec = MEASURED_NS}, NULL);
  struct moment end = moment_now();
  if (end.tsc <= begin.tsc || end.ns <= begin.ns) return 1;
  uint64_t khz = (end.tsc - begin.tsc) * 1000000u / (end.ns - begin.ns);
  if (khz < LEAST_KHZ || khz > MOST_KHZ) return 1;
  printf("%llu\n", (unsigned long long)khz);
  return 0;
}
