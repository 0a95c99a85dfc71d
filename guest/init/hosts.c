#include "hosts.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

// A whole file, for an image that has none: Debian's, without names that nothing asks for.
static const char localhost_lines[] = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// Whether one of the words behind the address is the name.
static bool line_names(const char *line, size_t length, const char *name) {
  size_t name_length = strlen(name);
  bool behind_address = false;
  for (size_t at = 0; at < length && line[at] != '#';) {
    if (is_blank(line[at])) {
      at++;
      continue;
    }
    size_t end = at;
    while (end < length && !is_blank(line[end]) && line[end] != '#') end++;
    if (behind_address && end - at == name_length && strncasecmp(line + at, name, name_length) == 0) return true;
    behind_address = true;
    at = end;
  }
  return false;
}

static bool names(const char *text, size_t length, const char *name) {
  for (size_t at = 0; at < length;) {
    const char *end = memchr(text + at, '\n', length - at);
    size_t line = end == NULL ? length - at : (size_t)(end - (text + at));
    if (line_names(text + at, line, name)) return true;
    at += line + 1;
  }
  return false;
}

size_t hosts_missing(const char *text, size_t length, const char *hostname, char lines[HOSTS_LINES_MAX]) {
  size_t dot = strcspn(hostname, ".");
  bool lacks_localhost = !names(text, length, "localhost");
  bool lacks_own = hostname[0] != 0 && strcasecmp(hostname, "localhost") != 0 && !names(text, length, hostname);
  if (!lacks_localhost && !lacks_own) return 0;
  int written = snprintf(lines, HOSTS_LINES_MAX, "%s%s", length > 0 && text[length - 1] != '\n' ? "\n" : "",
                         lacks_localhost ? localhost_lines : "");
  // The first name of a line is the whole one, for `hostname -f`.
  if (lacks_own) {
    bool whole = hostname[dot] != 0 && dot > 0;
    written += snprintf(lines + written, HOSTS_LINES_MAX - (size_t)written, "127.0.1.1\t%s%s%.*s\n", hostname, whole ? " " : "",
                        whole ? (int)dot : 0, hostname);
  }
  return (size_t)written;
}
