#include "config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool set_hostname(struct config *config, char *value) {
  size_t length = strlen(value);
  if (length == 0 || length > HOSTNAME_MAX) return false;
  for (size_t i = 0; i < length; i++) {
    if (!isalnum((unsigned char)value[i]) && value[i] != '-' && value[i] != '.') return false;
  }
  memcpy(config->hostname, value, length + 1);
  return true;
}

static bool set_address(struct config *config, char *value) {
  char *slash = strchr(value, '/'), *end;
  if (slash == NULL || !isdigit((unsigned char)slash[1])) return false;
  *slash = 0;
  unsigned long prefix = strtoul(slash + 1, &end, 10);
  if (*end != 0 || prefix > 32 || inet_pton(AF_INET, value, &config->address) != 1) return false;
  config->prefix = (unsigned)prefix;
  config->has_address = true;
  return true;
}

static bool set_gateway(struct config *config, char *value) {
  config->has_gateway = true;
  return inet_pton(AF_INET, value, &config->gateway) == 1;
}

static bool add_resolver(struct config *config, char *value) {
  struct in6_addr ignored;
  if (config->resolver_count == RESOLVERS_MAX || strlen(value) >= RESOLVER_TEXT_MAX) return false;
  if (inet_pton(AF_INET, value, &ignored) != 1 && inet_pton(AF_INET6, value, &ignored) != 1) return false;
  strcpy(config->resolvers[config->resolver_count++], value);
  return true;
}

static bool set_mac(struct config *config, char *value) {
  if (strlen(value) != MAC_TEXT) return false;
  for (size_t i = 0; i < MAC_TEXT; i++) {
    char c = (char)tolower((unsigned char)value[i]);
    if (i % 3 == 2 ? c != ':' : !isxdigit((unsigned char)c)) return false;
    config->mac[i] = c;
  }
  config->mac[MAC_TEXT] = 0;
  return true;
}

static bool set_search(struct config *config, char *value) {
  size_t length = strlen(value);
  if (length == 0 || length > SEARCH_MAX) return false;
  for (size_t i = 0; i < length; i++) {
    if (!isalnum((unsigned char)value[i]) && strchr("-._ ", value[i]) == NULL) return false;
  }
  memcpy(config->search, value, length + 1);
  return true;
}

static bool set_machine_id(struct config *config, char *value) {
  if (strlen(value) != MACHINE_ID_TEXT || strspn(value, "0123456789abcdef") != MACHINE_ID_TEXT) return false;
  memcpy(config->machine_id, value, MACHINE_ID_TEXT + 1);
  return true;
}

// Plain components below the root: that the image's own links don't lead out of it is seen to when it is opened.
static bool is_path(const char *path) {
  size_t length = strlen(path);
  if (length < 2 || length > VOLUME_PATH_MAX || path[0] != '/') return false;
  for (const char *at = path; *at != 0;) {
    size_t part = strcspn(++at, "/");
    if (part == 0 || (part == 1 && at[0] == '.') || (part == 2 && at[0] == '.' && at[1] == '.')) return false;
    at += part;
  }
  return true;
}

static bool add_volume(struct config *config, char *value) {
  char *path = strchr(value, ' ');
  if (config->volume_count == VOLUMES_MAX || path == NULL) return false;
  *path++ = 0;
  size_t length = strlen(value);
  if (length == 0 || length > SERIAL_MAX || strspn(value, "0123456789abcdef") != length || !is_path(path)) return false;
  struct volume *volume = &config->volumes[config->volume_count++];
  strcpy(volume->serial, value);
  strcpy(volume->path, path);
  return true;
}

static const struct key {
  const char *name;
  bool (*set)(struct config *config, char *value);
} keys[] = {
    {"hostname", set_hostname}, {"address", set_address}, {"gateway", set_gateway},
    {"resolver", add_resolver}, {"mac", set_mac}, {"search", set_search},
    {"machine_id", set_machine_id}, {"volume", add_volume},
};

static bool parse_line(struct config *config, char *line) {
  char *equals = strchr(line, '=');
  if (equals == NULL) return *line == 0;
  *equals = 0;
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    if (strcmp(keys[i].name, line) == 0) return keys[i].set(config, equals + 1);
  }
  return true;
}

unsigned config_parse(char *text, struct config *config) {
  *config = (struct config){0};
  unsigned number = 0;
  for (char *rest = text; rest != NULL;) {
    number++;
    if (!parse_line(config, strsep(&rest, "\n"))) return number;
  }
  return 0;
}
