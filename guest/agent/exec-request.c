#include "exec-request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

enum { TAG_ARGV = 1, TAG_ENV = 2, TAG_CWD = 3, TAG_USER = 4, TAG_STDIN = 5, TAG_TERMINAL = 6, ITEM_HEADER = 5, TERMINAL_LENGTH = 4 };

struct item {
  uint8_t tag;
  uint32_t length;
  const uint8_t *bytes;
};

// Takes one item off the front; false when what is left is none.
static bool next_item(const uint8_t **at, size_t *left, struct item *item) {
  if (*left < ITEM_HEADER) return false;
  item->tag = (*at)[0];
  item->length = get_u32(*at + 1);
  item->bytes = *at + ITEM_HEADER;
  if (item->length > *left - ITEM_HEADER) return false;
  *at += ITEM_HEADER + item->length;
  *left -= ITEM_HEADER + item->length;
  return true;
}

static bool is_valid(const struct item *item) {
  if (item->tag == TAG_TERMINAL) return item->length == TERMINAL_LENGTH;
  if (memchr(item->bytes, 0, item->length) != NULL) return false;
  switch (item->tag) {
    case TAG_ARGV: return true;
    case TAG_ENV: {
      const uint8_t *equals = memchr(item->bytes, '=', item->length);
      return equals != NULL && equals != item->bytes;
    }
    case TAG_CWD:
    case TAG_USER: return item->length > 0;
    case TAG_STDIN: return item->length == 0;
    default: return false;
  }
}

// Checks every item and counts the two that repeat. Returns 0 or an errno.
static int survey(const uint8_t *bytes, size_t length, size_t *argc, size_t *envc) {
  size_t count[TAG_TERMINAL + 1] = {0};
  struct item item;
  while (length > 0) {
    if (!next_item(&bytes, &length, &item) || !is_valid(&item)) return EINVAL;
    count[item.tag]++;
  }
  if (count[TAG_ARGV] == 0) return EINVAL;
  for (size_t tag = TAG_CWD; tag <= TAG_TERMINAL; tag++) {
    if (count[tag] > 1) return EINVAL;
  }
  *argc = count[TAG_ARGV];
  *envc = count[TAG_ENV];
  return 0;
}

int exec_request_decode(const uint8_t *bytes, size_t length, struct exec_request *request) {
  size_t argc, envc;
  if (length == 0) return EINVAL;
  if (length > EXEC_REQUEST_MAX) return E2BIG;
  int error = survey(bytes, length, &argc, &envc);
  if (error != 0) return error;

  // An item's header is longer than the NUL that its string gets, so `length` bytes hold all strings.
  size_t pointers = (argc + 1 + envc + 1) * sizeof(char *);
  char *memory = calloc(1, pointers + length);
  if (memory == NULL) return ENOMEM;
  *request = (struct exec_request){.argv = (char **)(void *)memory, .memory = memory};
  request->env = request->argv + argc + 1;
  char **argv = request->argv, **env = request->env, *text = memory + pointers;

  struct item item;
  while (next_item(&bytes, &length, &item)) {
    memcpy(text, item.bytes, item.length);
    switch (item.tag) {
      case TAG_ARGV: *argv++ = text; break;
      case TAG_ENV: *env++ = text; break;
      case TAG_CWD: request->cwd = text; break;
      case TAG_USER: request->user = text; break;
      case TAG_STDIN: request->stdin_open = true; break;
      case TAG_TERMINAL:
        request->has_terminal = true;
        request->terminal = (struct terminal_size){.rows = get_u16(item.bytes), .columns = get_u16(item.bytes + 2)};
        break;
    }
    text += item.length + 1;
  }
  return 0;
}

void exec_request_free(struct exec_request *request) {
  free(request->memory);
  *request = (struct exec_request){0};
}
