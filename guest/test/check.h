#ifndef BANGER_CHECK_H
#define BANGER_CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

// Ends the test, with where and what, when it doesn't hold.
#define CHECK(holds)                                                          \
  do {                                                                        \
    if (!(holds)) {                                                           \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #holds);     \
      exit(1);                                                                \
    }                                                                         \
  } while (0)

// The same numbers on every run (xorshift64).
static inline uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

#endif
