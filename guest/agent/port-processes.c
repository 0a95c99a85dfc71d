#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ports.h"
#include "timeline.h"

enum {
  // So many processes, and so many descriptors in all, are looked at,
  PROCESSES_MAX = 4096,
  DESCRIPTORS_MAX = 16384,
};

// and for so long: meanwhile the agent does nothing else.
static const uint64_t patience_ns = 200000000;

struct search {
  struct ports *ports;
  size_t missing;
  int processes;
  int descriptors;
  uint64_t until;
};

static bool goes_on(const struct search *search) {
  return search->missing > 0 && search->processes < PROCESSES_MAX && search->descriptors < DESCRIPTORS_MAX &&
         boottime_ns() < search->until;
}

static bool is_number(const char *name) { return *name != 0 && name[strspn(name, "0123456789")] == 0; }

// Opens a directory below another, to be read; NULL when it can't be.
static DIR *open_below(int directory, const char *name) {
  int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return NULL;
  DIR *opened = fdopendir(fd);
  if (opened == NULL) close(fd);
  return opened;
}

static void read_name(int process, char *name) {
  int fd = openat(process, "comm", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return;
  ssize_t length = read(fd, name, PROCESS_NAME_SIZE - 1);
  close(fd);
  name[length > 0 ? length : 0] = 0;
  name[strcspn(name, "\n")] = 0;
}

// What a descriptor's link says of a socket (proc(5)); 0 when it is none.
static unsigned long socket_of(int descriptors, const char *name) {
  char target[64];
  ssize_t length = readlinkat(descriptors, name, target, sizeof target - 1);
  if (length <= 0) return 0;
  target[length] = 0;
  unsigned long inode;
  return sscanf(target, "socket:[%19lu]", &inode) == 1 ? inode : 0;
}

static void claim(struct search *search, int process, unsigned long inode) {
  for (size_t i = 0; i < search->ports->count; i++) {
    struct port *port = &search->ports->all[i];
    if (port->inode != inode || port->process[0] != 0) continue;
    read_name(process, port->process);
    search->missing--;
  }
}

static void look_at(struct search *search, int process) {
  DIR *descriptors = open_below(process, "fd");
  if (descriptors == NULL) return;
  for (struct dirent *entry = readdir(descriptors); entry != NULL && goes_on(search); entry = readdir(descriptors)) {
    if (!is_number(entry->d_name)) continue;
    search->descriptors++;
    unsigned long inode = socket_of(dirfd(descriptors), entry->d_name);
    if (inode != 0) claim(search, process, inode);
  }
  closedir(descriptors);
}

void ports_find_processes(struct ports *ports, int proc) {
  struct search search = {.ports = ports, .missing = ports->count, .until = boottime_ns() + patience_ns};
  DIR *processes = open_below(proc, ".");
  if (processes == NULL) return;
  for (struct dirent *entry = readdir(processes); entry != NULL && goes_on(&search); entry = readdir(processes)) {
    if (!is_number(entry->d_name)) continue;
    search.processes++;
    int process = openat(proc, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (process < 0) continue;
    look_at(&search, process);
    close(process);
  }
  closedir(processes);
}
