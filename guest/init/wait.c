#include "wait.h"

#include <time.h>

static unsigned long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (unsigned long long)now.tv_sec * 1000 + (unsigned long long)now.tv_nsec / 1000000;
}

bool wait_until(bool (*ready)(void *context), void *context, unsigned limit_ms) {
  unsigned long long end = now_ms() + limit_ms;
  do {
    if (ready(context)) return true;
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  } while (now_ms() < end);
  return ready(context);
}
