// What the kernel says of the machine, as a directory has it that stands for /proc; mutated too, under sanitizers.
#include "usage.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "check.h"
#include "ports.h"

enum { MUTATIONS = 3000 };

static const char meminfo[] = "MemTotal:         495120 kB\nMemFree:          300000 kB\nMemAvailable:     412344 kB\nHugePages_Total:       0\n";

static const char tcp[] =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    "   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1234 1 0000000000000000 100 0 0 10 0\n"
    "   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 99 1 0000000000000000 100 0 0 10 0\n"
    // One that has reached somebody, a second one on the same port, and what is no line.
    "   2: 0200470A:0016 0100470A:D431 01 00000000:00000000 02:000A1B2C 00000000     0        0 77 1 0000000000000000 100 0 0 10 0\n"
    "   3: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 98 1 0000000000000000 100 0 0 10 0\n"
    "   4: 00:16 00:0000 0A\n";

static const char udp6[] =
    "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"
    " 5: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 55 2 0000000000000000 0\n"
    " 6: 00000000000000000000000001000000:0035 00000000000000000000000001000000:0044 01 00000000:00000000 00:00000000 00000000     0        0 56 2 0000000000000000 0\n";

static void write_file(int directory, const char *name, const char *text, size_t length) {
  int fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  CHECK(fd >= 0 && write(fd, text, length) == (ssize_t)length && close(fd) == 0);
}

static void write_text(int directory, const char *name, const char *text) { write_file(directory, name, text, strlen(text)); }

// A process with one descriptor.
static void make_process(int proc, const char *pid, const char *name, const char *opened) {
  char path[64];
  CHECK(mkdirat(proc, pid, 0755) == 0);
  snprintf(path, sizeof path, "%s/comm", pid);
  write_text(proc, path, name);
  snprintf(path, sizeof path, "%s/fd", pid);
  CHECK(mkdirat(proc, path, 0755) == 0);
  snprintf(path, sizeof path, "%s/fd/3", pid);
  CHECK(symlinkat(opened, proc, path) == 0);
}

static int make_proc(void) {
  char path[] = "/tmp/banger-usage-XXXXXX";
  CHECK(mkdtemp(path) != NULL);
  int proc = open(path, O_RDONLY | O_DIRECTORY);
  CHECK(proc >= 0 && mkdirat(proc, "net", 0755) == 0 && symlinkat(path, proc, "self") == 0);
  write_text(proc, "meminfo", meminfo);
  write_text(proc, "net/tcp", tcp);
  write_text(proc, "net/udp6", udp6);
  make_process(proc, "1", "sshd\n", "socket:[1234]");
  make_process(proc, "22", "a name (with) 15\n", "socket:[99]");
  make_process(proc, "33", "other\n", "/dev/null");
  return proc;
}

static void reads_memory(int proc) {
  struct usage usage;
  usage_read(&usage, proc);
  CHECK(usage.total == 495120ull * 1024 && usage.available == 412344ull * 1024);
  usage_read(&usage, -1);
  CHECK(usage.total == 0 && usage.available == 0);
}

static void reads_ports(int proc) {
  static struct ports ports;
  ports_read(&ports, proc);
  ports_find_processes(&ports, proc);
  CHECK(ports.count == 3 && !ports.more);
  const struct port *ssh = &ports.all[0], *own = &ports.all[1], *names = &ports.all[2];
  CHECK(ssh->transport == TRANSPORT_TCP && ssh->number == 22 && ssh->address_size == 4 && strcmp(ssh->process, "sshd") == 0);
  CHECK(own->number == 8080 && memcmp(own->address, "\x7f\0\0\1", 4) == 0 && strcmp(own->process, "a name (with) 1") == 0);
  CHECK(names->transport == TRANSPORT_UDP && names->number == 53 && names->address_size == 16 && names->process[0] == 0);
  CHECK(names->address[15] == 1 && names->address[0] == 0);
  uint8_t encoded[PORTS_ENCODED_MAX];
  CHECK(ports_encode(&ports, encoded) == 1 + (4 + 2 + 3 + 4) + (4 + 2 + 3 + 15) + (16 + 2 + 3));
  CHECK(encoded[0] == 0 && encoded[1] == TRANSPORT_TCP && encoded[2] == 4 && get_u16(encoded + 7) == 22 && encoded[9] == 4);
}

static void stops_at_what_fits(int proc) {
  static char text[300 * 140];
  size_t length = 0;
  for (unsigned port = 1; port <= 300; port++) {
    length += (size_t)snprintf(text + length, sizeof text - length, "%4u: 00000000:%04X 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 %u 1\n", port, port, port);
  }
  write_file(proc, "net/tcp", text, length);
  static struct ports ports;
  ports_read(&ports, proc);
  CHECK(ports.count == PORTS_MAX && ports.more);
  for (size_t i = 0; i < ports.count; i++) memset(ports.all[i].process, 'x', PROCESS_NAME_SIZE - 1);
  static uint8_t encoded[PORTS_ENCODED_MAX];
  CHECK(ports_encode(&ports, encoded) <= sizeof encoded && encoded[0] == 1);
}

static void bears_anything(int proc) {
  uint64_t state = 20261128;
  static struct ports ports;
  static uint8_t encoded[PORTS_ENCODED_MAX];
  for (int round = 0; round < MUTATIONS; round++) {
    char text[sizeof tcp];
    memcpy(text, round % 2 == 0 ? tcp : udp6, sizeof tcp < sizeof udp6 ? sizeof tcp : sizeof udp6);
    size_t length = sizeof udp6 - 1 < sizeof tcp - 1 ? sizeof udp6 - 1 : sizeof tcp - 1;
    for (int times = 0; times < 8; times++) text[next_random(&state) % length] = "0F: \n\0x9"[next_random(&state) % 8];
    write_file(proc, "net/tcp", text, length);
    write_file(proc, "meminfo", text, length);
    struct usage usage;
    usage_read(&usage, proc);
    ports_read(&ports, proc);
    CHECK(ports.count <= PORTS_MAX && ports_encode(&ports, encoded) <= sizeof encoded);
  }
}

int main(void) {
  int proc = make_proc();
  reads_memory(proc);
  reads_ports(proc);
  stops_at_what_fits(proc);
  bears_anything(proc);
  char path[64], command[128];
  snprintf(path, sizeof path, "/proc/self/fd/%d", proc);
  char directory[64] = {0};
  CHECK(readlink(path, directory, sizeof directory - 1) > 0);
  snprintf(command, sizeof command, "rm -r '%s'", directory);
  CHECK(system(command) == 0);
  puts("ok usage");
  return 0;
}
