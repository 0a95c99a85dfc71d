#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "hosts.h"
#include "root-file.h"

enum { HOSTS_FILE_MAX = 4 * 1024 * 1024 };

static int add_missing(int fd, const char *text, size_t length, const struct config *config) {
  char lines[HOSTS_LINES_MAX];
  size_t missing = hosts_missing(text, length, config->hostname, lines);
  return missing == 0 ? 0 : file_write_all(fd, lines, missing);
}

// In place: whoever made the file keeps its owner, mode and attributes.
static int complete_hosts(int fd, const struct config *config) {
  char *text;
  size_t length;
  int error = file_read_open(fd, HOSTS_FILE_MAX, &text, &length);
  if (error == 0) {
    error = add_missing(fd, text, length, config);
    free(text);
  }
  close(fd);
  return error;
}

int names_write_hosts(int root, const struct config *config) {
  int fd = root_open(root, "etc/hosts", O_RDWR | O_APPEND);
  if (fd >= 0) return complete_hosts(fd, config);
  // A link to nothing is as good as no file.
  if (errno != ENOENT) return errno;
  char lines[HOSTS_LINES_MAX];
  return root_write_at(root, "etc", "hosts", 0644, lines, hosts_missing("", 0, config->hostname, lines));
}

int names_write_resolvers(int root, const struct config *config) {
  char text[RESOLVERS_MAX * (RESOLVER_TEXT_MAX + sizeof "nameserver \n") + SEARCH_MAX + sizeof "search \n"];
  size_t length = 0;
  if (config->search[0] != 0) length = (size_t)snprintf(text, sizeof text, "search %s\n", config->search);
  for (size_t i = 0; i < config->resolver_count; i++) {
    length += (size_t)snprintf(text + length, sizeof text - length, "nameserver %s\n", config->resolvers[i]);
  }
  return root_write_at(root, "etc", "resolv.conf", 0644, text, length);
}

static bool is_id(const char *text) {
  return strspn(text, "0123456789abcdef") == MACHINE_ID_TEXT && (text[MACHINE_ID_TEXT] == '\n' || text[MACHINE_ID_TEXT] == 0);
}

static int write_id(int root, const char *directory, const char *line, bool keeps) {
  char path[64], known[MACHINE_ID_TEXT + 2] = {0};
  snprintf(path, sizeof path, "%s/machine-id", directory);
  int fd = root_open(root, path, O_RDONLY);
  if (fd >= 0) {
    ssize_t got = read(fd, known, sizeof known - 1);
    close(fd);
    if (got > 0 && (strcmp(known, line) == 0 || (keeps && is_id(known)))) return 0;
  }
  return root_write_at(root, directory, "machine-id", 0444, line, strlen(line));
}

int names_write_machine_id(int root, const struct config *config, bool keeps) {
  char line[MACHINE_ID_TEXT + 2];
  struct stat status;
  snprintf(line, sizeof line, "%s\n", config->machine_id);
  int error = write_id(root, "etc", line, keeps);
  // A link there leads to the first one.
  int directory = root_directory_there(root, "var/lib/dbus");
  if (directory < 0) return error;
  bool is_file = fstatat(directory, "machine-id", &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode);
  close(directory);
  if (!is_file) return error;
  int other = write_id(root, "var/lib/dbus", line, keeps);
  return error != 0 ? error : other;
}
