#include <stdio.h>
#include <string.h>

#include "check.h"
#include "cmdline.h"

static const char text[] = "quiet virtio_mmio.device=4K@0xc0001000:5  virtio-mmio.device=4K@0xc0002000:6 virtio_mmio=no\t"
                           "banger.power_off=reset virtio_mmiox.a=1 last.\n";

static void check_params(const char *module, const char *wanted) {
  char params[CMDLINE_MAX + 1];
  cmdline_params(text, module, params);
  CHECK(strcmp(params, wanted) == 0);
}

static void check_longest(void) {
  char longest[CMDLINE_MAX + 1], params[CMDLINE_MAX + 1];
  memset(longest, 'a', CMDLINE_MAX);
  longest[CMDLINE_MAX] = 0;
  longest[1] = '.';
  cmdline_params(longest, "a", params);
  CHECK(strlen(params) == CMDLINE_MAX - 2);
}

int main(void) {
  CHECK(cmdline_has(text, "quiet") && cmdline_has(text, "virtio_mmio.device=") && cmdline_has(text, "banger.power_off=reset"));
  CHECK(!cmdline_has(text, "device=") && !cmdline_has("", "a") && !cmdline_has(" \n", "a"));
  check_params("virtio_mmio", "device=4K@0xc0001000:5 device=4K@0xc0002000:6");
  check_params("virtio-mmio", "device=4K@0xc0001000:5 device=4K@0xc0002000:6");
  check_params("virtio", "");
  check_params("last", "");
  check_longest();
  puts("ok cmdline");
  return 0;
}
