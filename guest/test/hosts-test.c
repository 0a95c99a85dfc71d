#include "hosts.h"

#include <string.h>

#include "check.h"

#define BOTH "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
#define OWN "127.0.1.1\tweb\n"

static const struct row {
  const char *text, *hostname, *missing;
} rows[] = {
    {"", "web", BOTH OWN},
    {"", "", BOTH},
    {"127.0.0.1 localhost\n", "web", OWN},
    {"127.0.0.1 localhost", "web", "\n" OWN},
    {"127.0.0.1\tLOCALHOST\tWeb\r\n", "web", ""},
    {"127.0.0.1 localhost\n10.77.0.2 other web # mine\n", "web", ""},
    {"127.0.0.1 localhost\n#127.0.1.1 web\n", "web", OWN},
    {"127.0.0.1 localhost # web\n", "web", OWN},
    {"127.0.0.1 localhost#web\n", "web", OWN},
    {"127.0.0.1 localhost\nweb\n", "web", OWN},
    {"127.0.0.1 localhost website web.example\n", "web", OWN},
    {"127.0.0.1 localhost\n", "localhost", ""},
    {"127.0.0.1 localhost\n", "web.example.org", "127.0.1.1\tweb.example.org web\n"},
    {"\n\n \t\n", "web", BOTH OWN},
};

static void names_what_is_missing(void) {
  char lines[HOSTS_LINES_MAX];
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    size_t length = hosts_missing(rows[i].text, strlen(rows[i].text), rows[i].hostname, lines);
    CHECK(length == strlen(rows[i].missing) && memcmp(lines, rows[i].missing, length) == 0);
  }
}

// What was added is found the next time, whatever stood before it.
static void is_content_with_its_own(void) {
  static const char letters[] = "webloca host127.0#\t\r\n\n\0";
  uint64_t state = 7;
  char lines[HOSTS_LINES_MAX];
  for (int round = 0; round < 100000; round++) {
    char text[200 + HOSTS_LINES_MAX];
    size_t length = next_random(&state) % 200;
    for (size_t i = 0; i < length; i++) text[i] = letters[next_random(&state) % (sizeof letters - 1)];
    size_t added = hosts_missing(text, length, "web", lines);
    memcpy(text + length, lines, added);
    CHECK(hosts_missing(text, length + added, "web", lines) == 0);
  }
}

int main(void) {
  names_what_is_missing();
  is_content_with_its_own();
  puts("ok hosts");
  return 0;
}
