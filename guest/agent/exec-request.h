#ifndef BANGER_EXEC_REQUEST_H
#define BANGER_EXEC_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "terminal.h"

enum { EXEC_REQUEST_MAX = 128 * 1024 };

// What EXEC asks for. All strings live in `memory`.
struct exec_request {
  char **argv;
  char **env;
  const char *cwd;
  const char *user;
  bool stdin_open;
  // Its streams are a terminal of this size.
  bool has_terminal;
  struct terminal_size terminal;
  void *memory;
};

// Decodes the payload of EXEC. Returns 0 or an errno; after 0, free it with exec_request_free.
int exec_request_decode(const uint8_t *bytes, size_t length, struct exec_request *request);

void exec_request_free(struct exec_request *request);

#endif
