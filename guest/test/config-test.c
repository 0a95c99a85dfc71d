#include "config.h"

#include <arpa/inet.h>
#include <string.h>

#include "check.h"

static unsigned parse(const char *text, struct config *config) {
  char copy[1024];
  CHECK(strlen(text) < sizeof copy);
  strcpy(copy, text);
  return config_parse(copy, config);
}

static void reads_every_key(void) {
  struct config config;
  CHECK(parse("hostname=web\naddress=10.77.0.2/24\ngateway=10.77.0.1\nresolver=1.1.1.1\nresolver=::1\n"
              "mac=02:AB:00:00:00:01\nlater=x\nsearch=a.test b-c.test\nmachine_id=0123456789ab4def8123456789abcdef\n"
              "volume=00112233445566aa /home\nvolume=00112233445566bb /srv/my data\n", &config) == 0);
  CHECK(strcmp(config.hostname, "web") == 0);
  CHECK(config.has_address && config.prefix == 24 && config.address.s_addr == inet_addr("10.77.0.2"));
  CHECK(config.has_gateway && config.gateway.s_addr == inet_addr("10.77.0.1"));
  CHECK(config.resolver_count == 2 && strcmp(config.resolvers[1], "::1") == 0);
  CHECK(strcmp(config.search, "a.test b-c.test") == 0);
  CHECK(strcmp(config.machine_id, "0123456789ab4def8123456789abcdef") == 0);
  CHECK(strcmp(config.mac, "02:ab:00:00:00:01") == 0);
  CHECK(config.volume_count == 2 && strcmp(config.volumes[0].path, "/home") == 0);
  CHECK(strcmp(config.volumes[1].serial, "00112233445566bb") == 0 && strcmp(config.volumes[1].path, "/srv/my data") == 0);
}

static void says_which_line_makes_no_sense(void) {
  struct config config;
  const char *const bad[] = {
      "hostname=web\naddress=10.77.0.2", "hostname=a\naddress=10.77.0.2/33", "hostname=a\naddress=10.77.0/24",
      "hostname=a\naddress=10.77.0.2/ 4", "hostname=a\ngateway=x", "hostname=a\nresolver=example", "hostname=a\nmac=02:00",
      "hostname=a\nmac=02-00-00-00-00-01", "hostname=a\nhostname=", "hostname=a\nhostname=a b", "hostname=a\nnothing", "hostname=a\nsearch=", "hostname=a\nsearch=a;b",
      "hostname=a\nvolume=00112233445566aa", "hostname=a\nvolume= /home", "hostname=a\nvolume=001122334455667788990 /home", "hostname=a\nvolume=00112233445566aa home",
      "hostname=a\nvolume=00112233445566aa /", "hostname=a\nvolume=00112233445566aa /a/../b", "hostname=a\nvolume=00112233445566aa /..",
      "hostname=a\nvolume=00112233445566aa /a//b", "hostname=a\nvolume=00112233445566aa /a/", "hostname=a\nvolume=00112233445566AA /a",
      "hostname=a\nmachine_id=abc", "hostname=a\nmachine_id=0123456789AB4def8123456789abcdef"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) CHECK(parse(bad[i], &config) == 2);
}

static void survives_noise(void) {
  static const char letters[] = "hostnameaddressgatewayresolvermacsearchmachine_idvolume=.:/ 0123456789\n";
  uint64_t state = 42;
  struct config config;
  for (int round = 0; round < 100000; round++) {
    char text[200];
    size_t length = next_random(&state) % (sizeof text - 1);
    for (size_t i = 0; i < length; i++) text[i] = letters[next_random(&state) % (sizeof letters - 1)];
    text[length] = 0;
    config_parse(text, &config);
  }
}

int main(void) {
  reads_every_key();
  says_which_line_makes_no_sense();
  survives_noise();
  puts("ok config");
  return 0;
}
