#include "port.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "file.h"
#include "wait.h"

// The host tells the driver of ports, and then of their names, in messages that take their time.
enum { NAMED_WAIT_MS = 2000, ANY_WAIT_MS = 8000 };

struct search {
  // NULL: any.
  const char *name;
  char *path;
};

static bool has_name(const char *port, const char *wanted) {
  char path[PORT_PATH_MAX], name[128];
  snprintf(path, sizeof path, "/sys/class/virtio-ports/%.200s/name", port);
  return file_line(path, name, sizeof name) == 0 && strcmp(name, wanted) == 0;
}

static bool find(void *context) {
  struct search *search = context;
  DIR *directory = opendir("/sys/class/virtio-ports");
  if (directory == NULL) return false;
  bool found = false;
  for (struct dirent *entry; !found && (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] == '.' || (search->name != NULL && !has_name(entry->d_name, search->name))) continue;
    snprintf(search->path, PORT_PATH_MAX, "/dev/%.200s", entry->d_name);
    found = true;
  }
  closedir(directory);
  return found;
}

int port_find(const char *name, char path[PORT_PATH_MAX]) {
  struct search named = {.name = name, .path = path}, any = {.path = path};
  return wait_until(find, &named, NAMED_WAIT_MS) || wait_until(find, &any, ANY_WAIT_MS) ? 0 : ENODEV;
}
