#include "identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console.h"
#include "file.h"
#include "names.h"
#include "root-file.h"

enum { KEY_FILE_MAX = 256 * 1024 };

static int write_file(int root, const char *directory, mode_t directory_mode, const char *name, mode_t mode, const char *bytes,
                      size_t length) {
  int fd = root_directory(root, directory, directory_mode);
  if (fd < 0) return errno;
  int error = root_write(fd, name, mode, bytes, length);
  close(fd);
  return error;
}

static int write_hostname(int root, const struct config *config) {
  char line[HOSTNAME_MAX + 2];
  int length = snprintf(line, sizeof line, "%s\n", config->hostname);
  return write_file(root, "etc", 0755, "hostname", 0644, line, (size_t)length);
}

// sshd doesn't trust a directory of keys that others could change.
static int close_to_others(int root, const char *directory) {
  int fd = root_directory(root, directory, 0700);
  if (fd < 0) return errno;
  int error = (geteuid() == 0 && fchown(fd, 0, 0) != 0) || fchmod(fd, 0700) != 0 ? errno : 0;
  close(fd);
  return error;
}

static const struct key_file {
  const char *name;
  const char *directory;
  mode_t directory_mode;
  mode_t mode;
} key_files[] = {
    {"authorized_keys", "root/.ssh", 0700, 0600},
    {"ssh_host_ed25519_key", "etc/ssh", 0755, 0600},
    {"ssh_host_ed25519_key.pub", "etc/ssh", 0755, 0644},
};

static int copy_key_file(int root, const char *given, const struct key_file *file) {
  char path[256], *bytes;
  size_t length;
  snprintf(path, sizeof path, "%s/%s", given, file->name);
  int error = file_read(path, KEY_FILE_MAX, &bytes, &length);
  if (error != 0) return error == ENOENT ? 0 : error;
  if (file->directory_mode == 0700) error = close_to_others(root, file->directory);
  if (error == 0) error = write_file(root, file->directory, file->directory_mode, file->name, file->mode, bytes, length);
  free(bytes);
  return error;
}

// True for a disk that has this VM's host key: it was started before, so an id on it is its own, or its user's.
static bool was_started(int root, const char *given) {
  char path[256], *bytes, *found;
  size_t length, found_length;
  snprintf(path, sizeof path, "%s/ssh_host_ed25519_key.pub", given);
  int fd = root_open(root, "etc/ssh/ssh_host_ed25519_key.pub", O_RDONLY);
  if (fd < 0) return false;
  int error = file_read_open(fd, KEY_FILE_MAX, &found, &found_length);
  close(fd);
  if (error != 0) return false;
  bool same = false;
  if (file_read(path, KEY_FILE_MAX, &bytes, &length) == 0) {
    same = length == found_length && memcmp(bytes, found, length) == 0;
    free(bytes);
  }
  free(found);
  return same;
}

static void warn_if(const char *what, int error) {
  if (error != 0) console_warn(what, error);
}

void identity_apply(const char *root, const char *given, const struct config *config) {
  int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    console_warn("open root disk", errno);
    return;
  }
  if (config->hostname[0] != 0) warn_if("write /etc/hostname", write_hostname(fd, config));
  if (config->resolver_count > 0) warn_if("write /etc/resolv.conf", names_write_resolvers(fd, config));
  warn_if("complete /etc/hosts", names_write_hosts(fd, config));
  // Before the host key is there.
  if (config->machine_id[0] != 0) {
    warn_if("write /etc/machine-id", names_write_machine_id(fd, config, was_started(fd, given)));
  }
  for (size_t i = 0; i < sizeof key_files / sizeof key_files[0]; i++) {
    warn_if(key_files[i].name, copy_key_file(fd, given, &key_files[i]));
  }
  close(fd);
}
