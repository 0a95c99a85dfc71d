#include <errno.h>
#include <string.h>

#include "bytes.h"
#include "check.h"
#include "exec-request.h"

static size_t item(uint8_t *at, uint8_t tag, const char *text, size_t length) {
  at[0] = tag;
  put_u32(at + 1, (uint32_t)length);
  memcpy(at + 5, text, length);
  return 5 + length;
}

static void decodes_every_field(void) {
  uint8_t bytes[256];
  size_t length = 0;
  length += item(bytes + length, 1, "echo", 4);
  length += item(bytes + length, 2, "A=b", 3);
  length += item(bytes + length, 1, "", 0);
  length += item(bytes + length, 3, "/tmp", 4);
  length += item(bytes + length, 4, "nobody", 6);
  length += item(bytes + length, 5, "", 0);
  length += item(bytes + length, 6, "\x18\0\0\x02", 4);
  struct exec_request request;
  CHECK(exec_request_decode(bytes, length, &request) == 0);
  CHECK(strcmp(request.argv[0], "echo") == 0 && strcmp(request.argv[1], "") == 0 && request.argv[2] == NULL);
  CHECK(strcmp(request.env[0], "A=b") == 0 && request.env[1] == NULL);
  CHECK(strcmp(request.cwd, "/tmp") == 0 && strcmp(request.user, "nobody") == 0 && request.stdin_open);
  CHECK(request.has_terminal && request.terminal.rows == 24 && request.terminal.columns == 512);
  exec_request_free(&request);
}

static int decode_one(uint8_t tag, const char *text, size_t length) {
  uint8_t bytes[64];
  size_t total = item(bytes, 1, "x", 1);
  total += item(bytes + total, tag, text, length);
  struct exec_request request;
  int error = exec_request_decode(bytes, total, &request);
  if (error == 0) exec_request_free(&request);
  return error;
}

static void refuses_what_makes_no_sense(void) {
  struct exec_request request;
  uint8_t bytes[16] = {0};
  CHECK(exec_request_decode(bytes, 0, &request) == EINVAL);
  CHECK(exec_request_decode(bytes, 4, &request) == EINVAL);
  CHECK(decode_one(0, "", 0) == EINVAL);
  CHECK(decode_one(6, "", 0) == EINVAL);
  CHECK(decode_one(6, "123", 3) == EINVAL);
  CHECK(decode_one(6, "12345", 5) == EINVAL);
  CHECK(decode_one(6, "\0\0\0\0", 4) == 0);
  CHECK(decode_one(7, "", 0) == EINVAL);
  CHECK(decode_one(1, "a\0b", 3) == EINVAL);
  CHECK(decode_one(2, "noequals", 8) == EINVAL);
  CHECK(decode_one(2, "=x", 2) == EINVAL);
  CHECK(decode_one(3, "", 0) == EINVAL);
  CHECK(decode_one(5, "x", 1) == EINVAL);
  CHECK(decode_one(4, "nobody", 6) == 0);
  // An item that is longer than what there is.
  put_u32(bytes + 1, 0xffffffffu);
  bytes[0] = 1;
  CHECK(exec_request_decode(bytes, sizeof bytes, &request) == EINVAL);
}

static void survives_noise(void) {
  uint64_t state = 0x9e3779b97f4a7c15u;
  for (int round = 0; round < 100000; round++) {
    uint8_t *bytes = malloc(128);
    size_t length = 1 + next_random(&state) % 127;
    for (size_t i = 0; i < length; i++) bytes[i] = (uint8_t)(next_random(&state) % 3 == 0 ? next_random(&state) : next_random(&state) % 8);
    // Exactly as long as it says, so that a read behind the end is seen.
    uint8_t *exact = realloc(bytes, length);
    struct exec_request request;
    if (exec_request_decode(exact, length, &request) == 0) exec_request_free(&request);
    free(exact);
  }
}

int main(void) {
  decodes_every_field();
  refuses_what_makes_no_sense();
  survives_noise();
  puts("ok exec-request");
  return 0;
}
