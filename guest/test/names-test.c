#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

#define ID "0123456789ab4def8123456789abcdef"
#define HOSTS "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\tweb\n"

static const struct config config = {
    .hostname = "web", .machine_id = ID, .search = "a.test b.test", .resolver_count = 2, .resolvers = {"10.77.0.1", "1.1.1.1"}};

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk) {
  (void)status, (void)kind, (void)walk;
  return remove(path);
}

static void put(int root, const char *path, const char *text) {
  int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC, 0640);
  CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
  close(fd);
}

static void says(int root, const char *path, const char *text) {
  char bytes[1024] = {0};
  int fd = openat(root, path, O_RDONLY);
  CHECK(fd >= 0 && read(fd, bytes, sizeof bytes - 1) == (ssize_t)strlen(text) && strcmp(bytes, text) == 0);
  close(fd);
}

static mode_t mode_of(int root, const char *path) {
  struct stat status;
  CHECK(fstatat(root, path, &status, AT_SYMLINK_NOFOLLOW) == 0);
  return status.st_mode;
}

static void in_a_root(void (*check)(int root)) {
  char path[] = "/tmp/banger-names-XXXXXX";
  CHECK(mkdtemp(path) != NULL);
  int root = open(path, O_RDONLY | O_DIRECTORY);
  CHECK(root >= 0);
  check(root);
  close(root);
  CHECK(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

static void an_empty_root(int root) {
  CHECK(names_write_hosts(root, &config) == 0 && names_write_resolvers(root, &config) == 0);
  CHECK(names_write_machine_id(root, &config, false) == 0);
  says(root, "etc/hosts", HOSTS);
  says(root, "etc/resolv.conf", "search a.test b.test\nnameserver 10.77.0.1\nnameserver 1.1.1.1\n");
  says(root, "etc/machine-id", ID "\n");
  CHECK((mode_of(root, "etc/machine-id") & 07777) == 0444 && (mode_of(root, "etc/hosts") & 07777) == 0644);
  // D-Bus isn't there, and isn't made to be.
  CHECK(faccessat(root, "var", F_OK, 0) != 0);
  CHECK(names_write_hosts(root, &config) == 0 && names_write_machine_id(root, &config, false) == 0);
  says(root, "etc/hosts", HOSTS);
}

static void files_of_the_images(int root) {
  CHECK(mkdirat(root, "etc", 0755) == 0 && mkdirat(root, "var", 0755) == 0 && mkdirat(root, "var/lib", 0755) == 0);
  CHECK(mkdirat(root, "var/lib/dbus", 0755) == 0);
  put(root, "etc/hosts", "127.0.0.1 localhost\n10.1.1.1 db");
  put(root, "etc/machine-id", "uninitialized\n");
  put(root, "var/lib/dbus/machine-id", "ffffffffffffffffffffffffffffffff\n");
  CHECK(names_write_hosts(root, &config) == 0 && names_write_machine_id(root, &config, false) == 0);
  says(root, "etc/hosts", "127.0.0.1 localhost\n10.1.1.1 db\n127.0.1.1\tweb\n");
  CHECK((mode_of(root, "etc/hosts") & 07777) == 0640);
  says(root, "etc/machine-id", ID "\n");
  says(root, "var/lib/dbus/machine-id", ID "\n");
}

static void links(int root) {
  CHECK(mkdirat(root, "etc", 0755) == 0 && mkdirat(root, "run", 0755) == 0 && mkdirat(root, "data", 0755) == 0);
  CHECK(mkdirat(root, "var", 0755) == 0 && symlinkat("/run", root, "var/lib") == 0 && mkdirat(root, "run/dbus", 0755) == 0);
  // An absolute link is one of the guest's: it leads to no file of the host.
  CHECK(symlinkat("/data/hosts", root, "etc/hosts") == 0 && symlinkat("/etc/passwd", root, "etc/machine-id") == 0);
  CHECK(symlinkat("../run/systemd/resolve/stub-resolv.conf", root, "etc/resolv.conf") == 0);
  CHECK(symlinkat("/etc/machine-id", root, "run/dbus/machine-id") == 0);
  put(root, "data/hosts", "");
  CHECK(names_write_hosts(root, &config) == 0 && names_write_resolvers(root, &config) == 0);
  CHECK(names_write_machine_id(root, &config, false) == 0);
  CHECK(S_ISLNK(mode_of(root, "etc/hosts")) && S_ISREG(mode_of(root, "etc/resolv.conf")));
  CHECK(S_ISREG(mode_of(root, "etc/machine-id")) && S_ISLNK(mode_of(root, "run/dbus/machine-id")));
  says(root, "data/hosts", HOSTS);
  says(root, "etc/machine-id", ID "\n");
}

static void what_is_no_file(int root) {
  CHECK(mkdirat(root, "etc", 0755) == 0 && mkdirat(root, "etc/hosts", 0755) == 0 && mkfifoat(root, "etc/machine-id", 0644) == 0);
  CHECK(names_write_hosts(root, &config) == EISDIR);
  CHECK(names_write_machine_id(root, &config, false) == 0);
  says(root, "etc/machine-id", ID "\n");
  CHECK(unlinkat(root, "etc/hosts", AT_REMOVEDIR) == 0 && mkfifoat(root, "etc/hosts", 0644) == 0);
  CHECK(names_write_hosts(root, &config) == EINVAL);
  CHECK(unlinkat(root, "etc/hosts", 0) == 0 && symlinkat("nowhere", root, "etc/hosts") == 0);
  CHECK(names_write_hosts(root, &config) == 0);
  says(root, "etc/hosts", HOSTS);
}

static void ids_of_a_disk_that_was_started(int root) {
  static const char *const none[] = {"", "uninitialized\n", "ffff\n", "fffffffffffffffffffffffffffffffff\n"};
  CHECK(mkdirat(root, "etc", 0755) == 0);
  put(root, "etc/machine-id", "ffffffffffffffffffffffffffffffff\n");
  CHECK(names_write_machine_id(root, &config, true) == 0);
  says(root, "etc/machine-id", "ffffffffffffffffffffffffffffffff\n");
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
    CHECK(unlinkat(root, "etc/machine-id", 0) == 0);
    put(root, "etc/machine-id", none[i]);
    CHECK(names_write_machine_id(root, &config, true) == 0);
    says(root, "etc/machine-id", ID "\n");
  }
}

int main(void) {
  in_a_root(an_empty_root);
  in_a_root(files_of_the_images);
  in_a_root(links);
  in_a_root(what_is_no_file);
  in_a_root(ids_of_a_disk_that_was_started);
  puts("ok names");
  return 0;
}
