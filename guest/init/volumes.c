#include "volumes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console.h"
#include "copy-tree.h"
#include "file.h"
#include "root-file.h"
#include "wait.h"

enum { SERIAL_WAIT_MS = 10000, DEVICE_MAX = sizeof ((struct disk_grown *)0)->device };

// Where one is mounted until it has what the image has at its path. It is in the initrd.
static const char aside[] = "/volume";
// The daemon leaves this file in a volume that it has made; init takes it away once nothing is missing.
static const char unfilled[] = ".banger-new";

struct sought {
  const char *serial;
  char device[DEVICE_MAX];
};

static _Noreturn void die(const char *what, const char *path, int error) {
  char text[VOLUME_PATH_MAX + 64];
  snprintf(text, sizeof text, "%s volume %s", what, path);
  console_die(text, error);
}

static bool has_serial(const char *name, const char *serial) {
  char path[300], found[64];
  snprintf(path, sizeof path, "/sys/block/%.200s/serial", name);
  return file_line(path, found, sizeof found) == 0 && strcmp(found, serial) == 0;
}

static bool find_by_serial(void *context) {
  struct sought *sought = context;
  DIR *directory = opendir("/sys/block");
  bool found = false;
  for (struct dirent *entry; directory != NULL && !found && (entry = readdir(directory)) != NULL;) {
    found = has_serial(entry->d_name, sought->serial);
    if (found) snprintf(sought->device, sizeof sought->device, "/dev/%.32s", entry->d_name);
  }
  if (directory != NULL) closedir(directory);
  return found;
}

// Whether it is new: also one of which a guest that was killed had filled only a part.
static bool is_unfilled(int volume) { return faccessat(volume, unfilled, F_OK, AT_SYMLINK_NOFOLLOW) == 0; }

static int fill(int image, const struct disk_grown *grown) {
  int volume = grown->file_system;
  // It may have been made larger because what the image has found no room.
  disk_grow(grown);
  int error = copy_tree(image, volume);
  // What was copied is on the disk before the volume says that it has it.
  if (error == 0 && syncfs(volume) != 0) error = errno;
  if (error == 0 && unlinkat(volume, unfilled, 0) != 0) error = errno;
  return error;
}

static void mount_one(int root, const struct volume *volume, struct disk_grown *grown) {
  struct sought sought = {.serial = volume->serial};
  char what[VOLUME_PATH_MAX + 16], place[32];
  snprintf(what, sizeof what, "volume %s", volume->path);
  if (!wait_until(find_by_serial, &sought, SERIAL_WAIT_MS)) die("find", volume->path, ENODEV);
  disk_mount(sought.device, aside, MS_NODEV, what);
  int at = root_directory(root, volume->path + 1, 0755);
  if (at < 0) die("make the place of", volume->path, errno);
  int disk = open(aside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (disk < 0) die("open", volume->path, errno);
  *grown = (struct disk_grown){.file_system = disk};
  memcpy(grown->device, sought.device, sizeof grown->device);
  int error = is_unfilled(disk) ? fill(at, grown) : 0;
  if (error != 0) die("fill", volume->path, error);
  // By its descriptor: no link can come between.
  snprintf(place, sizeof place, "/proc/self/fd/%d", at);
  if (mount(aside, place, NULL, MS_MOVE, NULL) != 0) die("place", volume->path, errno);
  close(at);
}

size_t volumes_mount(const char *root, const struct config *config, struct disk_grown grown[VOLUMES_MAX]) {
  if (config->volume_count == 0) return 0;
  mkdir(aside, 0700);
  int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) console_die(root, errno);
  for (size_t i = 0; i < config->volume_count; i++) mount_one(fd, &config->volumes[i], &grown[i]);
  close(fd);
  return config->volume_count;
}
