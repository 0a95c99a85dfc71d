#include "modules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "console.h"
#include "file.h"

// finit_module(2): the kernel unpacks the file (.ko.gz, .ko.xz, .ko.zst).
enum { MODULES_LIST_MAX = 64 * 1024, INIT_COMPRESSED_FILE = 4 };

static int load(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  size_t length = strlen(path);
  bool plain = length >= 3 && strcmp(path + length - 3, ".ko") == 0;
  int error = syscall(SYS_finit_module, fd, "", plain ? 0 : INIT_COMPRESSED_FILE) == 0 ? 0 : errno;
  close(fd);
  // Built in or loaded already; or for a device that this machine hasn't got.
  return error == EEXIST || error == ENODEV ? 0 : error;
}

void modules_load(const char *list) {
  char *text, what[256];
  size_t length;
  int error = file_read(list, MODULES_LIST_MAX, &text, &length);
  if (error != 0) console_die(list, error);
  for (char *rest = text; rest != NULL;) {
    const char *path = strsep(&rest, "\n");
    if (*path == 0) continue;
    // The list's paths are those in the initrd, with or without the slash in front.
    error = load(path);
    if (error == 0) continue;
    snprintf(what, sizeof what, "load module %s", path);
    console_die(what, error);
  }
  free(text);
}
