#include "modules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cmdline.h"
#include "console.h"
#include "file.h"

// finit_module(2): the kernel unpacks the file (.ko.gz, .ko.xz, .ko.zst).
enum { MODULES_LIST_MAX = 64 * 1024, INIT_COMPRESSED_FILE = 4 };

// Of `/banger/lib/virtio_mmio.ko.xz`: `virtio_mmio`.
static void name_of(const char *path, char *name, size_t size) {
  const char *slash = strrchr(path, '/');
  snprintf(name, size, "%s", slash == NULL ? path : slash + 1);
  name[strcspn(name, ".")] = 0;
}

static int load(const char *path, const char *cmdline) {
  char name[128], params[CMDLINE_MAX + 1];
  name_of(path, name, sizeof name);
  cmdline_params(cmdline, name, params);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  size_t length = strlen(path);
  bool plain = length >= 3 && strcmp(path + length - 3, ".ko") == 0;
  int error = syscall(SYS_finit_module, fd, params, plain ? 0 : INIT_COMPRESSED_FILE) == 0 ? 0 : errno;
  close(fd);
  // Built in or loaded already; or for a device that this machine hasn't got.
  return error == EEXIST || error == ENODEV ? 0 : error;
}

void modules_load(const char *directory) {
  char *text, what[256], cmdline[CMDLINE_MAX + 1], list[64];
  size_t length;
  cmdline_read(cmdline);
  snprintf(list, sizeof list, "%s/modules%s", directory, cmdline_has(cmdline, "virtio_mmio.device=") ? "-mmio" : "");
  int error = file_read(list, MODULES_LIST_MAX, &text, &length);
  if (error != 0) console_die(list, error);
  for (char *rest = text; rest != NULL;) {
    const char *path = strsep(&rest, "\n");
    if (*path == 0) continue;
    // The list's paths are those in the initrd, with or without the slash in front.
    error = load(path, cmdline);
    if (error == 0) continue;
    snprintf(what, sizeof what, "load module %s", path);
    console_die(what, error);
  }
  free(text);
}
