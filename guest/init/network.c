#include "network.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "console.h"
#include "file.h"
#include "wait.h"

enum { INTERFACE_WAIT_MS = 2000 };

struct search {
  const char *mac;
  char name[IFNAMSIZ];
};

static bool has_mac(const char *name, const char *mac) {
  char path[64 + IFNAMSIZ], address[64];
  if (strlen(name) >= IFNAMSIZ) return false;
  snprintf(path, sizeof path, "/sys/class/net/%.15s/address", name);
  return file_line(path, address, sizeof address) == 0 && strcmp(address, mac) == 0;
}

static bool find_interface(void *context) {
  struct search *search = context;
  DIR *directory = opendir("/sys/class/net");
  if (directory == NULL) return false;
  bool found = false;
  for (struct dirent *entry; !found && (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] == '.' || !has_mac(entry->d_name, search->mac)) continue;
    snprintf(search->name, sizeof search->name, "%.15s", entry->d_name);
    found = true;
  }
  closedir(directory);
  return found;
}

static struct sockaddr inet_address(struct in_addr address) {
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = address};
  struct sockaddr generic;
  memcpy(&generic, &in, sizeof generic);
  return generic;
}

static struct in_addr netmask(unsigned prefix) {
  return (struct in_addr){.s_addr = prefix == 0 ? 0 : htonl(~0u << (32 - prefix))};
}

static struct ifreq request_for(const char *name) {
  struct ifreq request = {0};
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
  return request;
}

static int bring_up(int socket, const char *name) {
  struct ifreq request = request_for(name);
  if (ioctl(socket, SIOCGIFFLAGS, &request) != 0) return errno;
  request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
  return ioctl(socket, SIOCSIFFLAGS, &request) != 0 ? errno : 0;
}

static int set_address(int socket, const char *name, const struct config *config) {
  struct ifreq request = request_for(name);
  request.ifr_addr = inet_address(config->address);
  if (ioctl(socket, SIOCSIFADDR, &request) != 0) return errno;
  request.ifr_netmask = inet_address(netmask(config->prefix));
  return ioctl(socket, SIOCSIFNETMASK, &request) != 0 ? errno : 0;
}

static int add_route(int socket, char *name, struct in_addr to, struct in_addr mask, struct in_addr by, int flags) {
  struct rtentry route = {
      .rt_dst = inet_address(to),
      .rt_genmask = inet_address(mask),
      .rt_gateway = inet_address(by),
      .rt_flags = (unsigned short)(RTF_UP | flags),
      .rt_dev = name,
  };
  return ioctl(socket, SIOCADDRT, &route) != 0 && errno != EEXIST ? errno : 0;
}

static int set_gateway(int socket, char *name, const struct config *config) {
  static const struct in_addr any = {0};
  in_addr_t mask = netmask(config->prefix).s_addr;
  // A gateway outside of the address's network (a /32, say) is reached over the interface directly.
  if (((config->gateway.s_addr ^ config->address.s_addr) & mask) != 0 || config->prefix == 32) {
    int error = add_route(socket, name, config->gateway, netmask(32), any, RTF_HOST);
    if (error != 0) return error;
  }
  return add_route(socket, name, any, any, config->gateway, RTF_GATEWAY);
}

static int configure_interface(int socket, const struct config *config) {
  struct search search = {.mac = config->mac};
  if (!wait_until(find_interface, &search, INTERFACE_WAIT_MS)) return ENODEV;
  int error = config->has_address ? set_address(socket, search.name, config) : 0;
  if (error == 0) error = bring_up(socket, search.name);
  if (error == 0 && config->has_gateway) error = set_gateway(socket, search.name, config);
  return error;
}

void network_configure(const struct config *config) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    console_warn("network", errno);
    return;
  }
  int error = bring_up(fd, "lo");
  if (error != 0) console_warn("network lo", error);
  if (config->mac[0] != 0) error = configure_interface(fd, config);
  if (config->mac[0] != 0 && error != 0) console_warn("network interface", error);
  close(fd);
}
