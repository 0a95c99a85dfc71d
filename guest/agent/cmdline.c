#include "cmdline.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char blanks[] = " \t\n";

void cmdline_read(char text[CMDLINE_MAX + 1]) {
  int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? 0 : read(fd, text, CMDLINE_MAX);
  text[length < 0 ? 0 : length] = 0;
  if (fd >= 0) close(fd);
}

// The word at or after `at`, of which `length` is set; NULL when there is none.
static const char *next_word(const char *at, size_t *length) {
  at += strspn(at, blanks);
  *length = strcspn(at, blanks);
  return *length == 0 ? NULL : at;
}

bool cmdline_has(const char *text, const char *beginning) {
  size_t length;
  for (const char *word = text; (word = next_word(word, &length)) != NULL; word += length) {
    if (strncmp(word, beginning, strlen(beginning)) == 0) return true;
  }
  return false;
}

// A module's name has `_` where its file may have `-`.
static bool is_of_module(const char *word, const char *module, size_t length) {
  for (size_t i = 0; i < length; i++) {
    if ((word[i] == '-' ? '_' : word[i]) != (module[i] == '-' ? '_' : module[i])) return false;
  }
  return word[length] == '.';
}

void cmdline_params(const char *text, const char *module, char params[CMDLINE_MAX + 1]) {
  size_t length, name = strlen(module), used = 0;
  for (const char *word = text; (word = next_word(word, &length)) != NULL; word += length) {
    if (length <= name + 1 || !is_of_module(word, module, name)) continue;
    if (used > 0) params[used++] = ' ';
    memcpy(params + used, word + name + 1, length - name - 1);
    used += length - name - 1;
  }
  params[used] = 0;
}
