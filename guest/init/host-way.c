#include "host-way.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "file.h"
#include "vsock.h"
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

static bool find_port(void *context) {
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

static bool find_either(void *context) { return find_port(context) || vsock_is_there(); }

static int listen_on_vsock(struct host_way *way) {
  way->vsock = vsock_listen();
  return way->vsock < 0 ? errno : 0;
}

int host_way_find(const char *name, struct host_way *way) {
  struct search named = {.name = name, .path = way->port}, any = {.path = way->port};
  *way = (struct host_way){.vsock = -1};
  if (wait_until(find_either, &named, NAMED_WAIT_MS)) return way->port[0] == 0 ? listen_on_vsock(way) : 0;
  return wait_until(find_port, &any, ANY_WAIT_MS) ? 0 : ENODEV;
}
