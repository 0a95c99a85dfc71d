#include "users.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 64 * 1024, FIELDS_MAX = 7 };

// Reads a line; one that is too long is passed over as if it weren't there.
static bool read_line(FILE *file, char *line) {
  while (fgets(line, LINE_MAX_BYTES, file) != NULL) {
    size_t length = strlen(line);
    if (length > 0 && line[length - 1] == '\n') {
      line[length - 1] = 0;
      return true;
    }
    if (feof(file)) return true;
    for (int c = fgetc(file); c != '\n' && c != EOF; c = fgetc(file)) continue;
  }
  return false;
}

static size_t split_fields(char *line, char *fields[FIELDS_MAX]) {
  size_t count = 0;
  for (char *rest = line; rest != NULL && count < FIELDS_MAX;) fields[count++] = strsep(&rest, ":");
  return count;
}

static bool parse_id(const char *text, uint32_t *id) {
  if (*text < '0' || *text > '9') return false;
  char *end;
  errno = 0;
  unsigned long value = strtoul(text, &end, 10);
  // The last number means "unchanged" to setuid.
  if (errno != 0 || *end != 0 || value >= UINT32_MAX) return false;
  *id = (uint32_t)value;
  return true;
}

static void copy_text(char to[USER_TEXT_MAX], const char *from, const char *otherwise) {
  snprintf(to, USER_TEXT_MAX, "%s", *from == 0 || strlen(from) >= USER_TEXT_MAX ? otherwise : from);
}

static bool find_in_passwd(const char *path, const char *who, char *line, struct user *user) {
  FILE *file = fopen(path, "re");
  if (file == NULL) return false;
  uint32_t wanted = 0, uid, gid;
  bool numeric = parse_id(who, &wanted), found = false;
  char *fields[FIELDS_MAX];
  while (!found && read_line(file, line)) {
    if (split_fields(line, fields) < FIELDS_MAX || strlen(fields[0]) >= USER_TEXT_MAX) continue;
    if (!parse_id(fields[2], &uid) || !parse_id(fields[3], &gid)) continue;
    if (strcmp(fields[0], who) != 0 && !(numeric && uid == wanted)) continue;
    user->uid = uid;
    user->gid = gid;
    copy_text(user->name, fields[0], who);
    copy_text(user->home, fields[5], "/");
    copy_text(user->shell, fields[6], "/bin/sh");
    found = true;
  }
  fclose(file);
  return found;
}

static bool has_member(char *members, const char *name) {
  for (char *rest = members; rest != NULL;) {
    if (strcmp(strsep(&rest, ","), name) == 0) return true;
  }
  return false;
}

static void find_groups(const char *path, char *line, struct user *user) {
  user->groups[0] = user->gid;
  user->group_count = 1;
  FILE *file = fopen(path, "re");
  if (file == NULL) return;
  char *fields[FIELDS_MAX];
  uint32_t gid;
  while (user->group_count < USER_GROUPS_MAX && read_line(file, line)) {
    if (split_fields(line, fields) < 4 || !parse_id(fields[2], &gid) || gid == user->gid) continue;
    if (has_member(fields[3], user->name)) user->groups[user->group_count++] = gid;
  }
  fclose(file);
}

// What is known without any file.
static bool find_without_file(const char *who, struct user *user) {
  uint32_t id = 0;
  if (strcmp(who, "root") != 0 && !parse_id(who, &id)) return false;
  user->uid = id;
  user->gid = id;
  copy_text(user->name, id == 0 ? "root" : who, "root");
  copy_text(user->home, id == 0 ? "/root" : "/", "/");
  copy_text(user->shell, "/bin/sh", "/bin/sh");
  return true;
}

int user_find(const char *passwd_path, const char *group_path, const char *who, struct user *user) {
  char *line = malloc(LINE_MAX_BYTES);
  if (line == NULL) return ENOMEM;
  *user = (struct user){0};
  bool found = find_in_passwd(passwd_path, who, line, user) || find_without_file(who, user);
  if (found) find_groups(group_path, line, user);
  free(line);
  return found ? 0 : ENOENT;
}
