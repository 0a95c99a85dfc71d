#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bytes.h"
#include "check-disk.h"
#include "console.h"
#include "uevent.h"
#include "wait.h"

enum { DISK_WAIT_MS = 10000 };

// <ext4.h>'s, which is not among the headers of the C library. Its argument is the new number of blocks.
static const unsigned long resize_fs = _IOW('f', 16, uint64_t);

// Offsets from the kernel's Documentation/filesystems/ext4/super.rst.
enum { BLOCKS_LO = 0x4, LOG_BLOCK_SIZE = 0x18, MAGIC = 0x38, STATE = 0x3a, INCOMPAT = 0x60, BLOCKS_HI = 0x150 };
enum { EXT4_MAGIC = 0xef53, STATE_ERROR = 2, INCOMPAT_64BIT = 0x80, LOG_BLOCK_SIZE_MAX = 6 };

struct ext4_size ext4_size(const uint8_t superblock[SUPERBLOCK_SIZE]) {
  uint32_t log = get_u32(superblock + LOG_BLOCK_SIZE);
  if (get_u16(superblock + MAGIC) != EXT4_MAGIC || log > LOG_BLOCK_SIZE_MAX) return (struct ext4_size){0};
  uint64_t high = (get_u32(superblock + INCOMPAT) & INCOMPAT_64BIT) != 0 ? get_u32(superblock + BLOCKS_HI) : 0;
  return (struct ext4_size){.blocks = high << 32 | get_u32(superblock + BLOCKS_LO), .block_size = 1024u << log};
}

bool ext4_has_errors(const uint8_t superblock[SUPERBLOCK_SIZE]) {
  return get_u16(superblock + MAGIC) == EXT4_MAGIC && (get_u16(superblock + STATE) & STATE_ERROR) != 0;
}

// The C libraries disagree about the type of ioctl's request, the kernel takes any of them.
static int control(int fd, unsigned long request, uint64_t *value) {
  return syscall(SYS_ioctl, fd, request, value) == 0 ? 0 : -1;
}

static bool is_block_device(void *path) {
  struct stat status;
  return stat(path, &status) == 0 && S_ISBLK(status.st_mode);
}

static bool read_superblock(int fd, uint8_t superblock[SUPERBLOCK_SIZE]) {
  return pread(fd, superblock, SUPERBLOCK_SIZE, SUPERBLOCK_AT) == SUPERBLOCK_SIZE;
}

static bool has_errors(const char *device) {
  int fd = open(device, O_RDONLY | O_CLOEXEC);
  uint8_t superblock[SUPERBLOCK_SIZE];
  bool errors = fd >= 0 && read_superblock(fd, superblock) && ext4_has_errors(superblock);
  if (fd >= 0) close(fd);
  return errors;
}

// Returns the number of blocks that the file system should have, or 0 when it has as many as fit.
static uint64_t blocks_to_grow_to(const char *device) {
  int fd = open(device, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  uint8_t superblock[SUPERBLOCK_SIZE];
  uint64_t bytes = 0, wanted = 0;
  if (read_superblock(fd, superblock) && control(fd, BLKGETSIZE64, &bytes) == 0) {
    struct ext4_size size = ext4_size(superblock);
    if (size.block_size != 0 && bytes / size.block_size > size.blocks) wanted = bytes / size.block_size;
  }
  close(fd);
  return wanted;
}

// What mount(2) says of a file system that is damaged, and not of a host or a kernel that lacks something.
static bool tells_of_damage(int error) { return error == EUCLEAN || error == EBADMSG || error == EIO || error == EINVAL; }

static _Noreturn void die(const char *did, const char *what, int error) {
  char text[300];
  snprintf(text, sizeof text, "%s %.250s", did, what);
  console_die(text, error);
}

void disk_mount(const char *device, const char *at, unsigned long flags, const char *what) {
  char path[64] = {0};
  strncpy(path, device, sizeof path - 1);
  if (!wait_until(is_block_device, path, DISK_WAIT_MS)) die("wait for", what, ENODEV);
  bool checked = has_errors(device);
  if (checked) check_disk(device, what);
  for (;; checked = true) {
    int error = mount(device, at, "ext4", flags, NULL) == 0 ? 0 : errno;
    // A guest that was killed leaves its journal, which the kernel has completed by now; that may tell of errors too.
    if (error == 0 && (checked || !has_errors(device))) return;
    if (error != 0 && (checked || !tells_of_damage(error))) die("mount", what, error);
    if (error == 0 && umount(at) != 0) die("check", what, errno);
    check_disk(device, what);
  }
}

static void grow(const char *device, int file_system) {
  uint64_t blocks = blocks_to_grow_to(device);
  char text[64];
  if (blocks == 0 || control(file_system, resize_fs, &blocks) == 0) return;
  snprintf(text, sizeof text, "grow %.40s", device);
  console_warn(text, errno);
}

void disk_grow(const struct disk_grown *disk) { grow(disk->device, disk->file_system); }

// Not open longer than that: who has a directory open keeps its file system from being unmounted.
static void grow_root(const char *device) {
  int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    console_warn("grow root disk", errno);
    return;
  }
  grow(device, fd);
  close(fd);
}

static void close_all(const struct disk_grown others[], size_t count) {
  for (size_t i = 0; i < count; i++) close(others[i].file_system);
}

void disk_tend(const char *device, const struct disk_grown others[], size_t count) {
  pid_t pid = fork();
  if (pid < 0) console_warn("grow disks", errno);
  if (pid != 0) {
    close_all(others, count);
    return;
  }
  prctl(PR_SET_NAME, "banger-disk");
  setsid();
  console_leave();
  // Listens before it looks, so that it misses nothing.
  int events = uevent_open();
  for (size_t i = 0; i < count; i++) disk_grow(&others[i]);
  close_all(others, count);
  do grow_root(device);
  while (events >= 0 && uevent_await_resize(events, strrchr(device, '/') + 1));
  _exit(0);
}
