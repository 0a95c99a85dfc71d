// Lays a VMM's files into what will be its jail, then becomes Firecracker's jailer, which makes the rest of it, goes in and gives
// root up.
//
//   vmm-jail ADDRESS_SPACE FILE_SIZE PROCESSES NAMESPACE BASE ROOM ROOT UID FILE... -- JAILER...
//
// Sizes are bytes. NAMESPACE is a descriptor of the mount namespace that the files were opened in: a unit of systemd's is in another,
// from which nothing of theirs can be mounted. On the directory BASE a file system of ROOM bytes is mounted that is in memory and
// that nobody else sees: the jail lies in it, at ROOT, and is gone with the last process in it, however that ends. A FILE is
// NAME:ro:SOURCE or NAME:rw:SOURCE; the source is a descriptor, or a path that only root can change, and appears below that name
// without a copy. A block device, by its descriptor alone, becomes a node of UID's, who may not open the host's.

#define PROGRAM "vmm-jail"
#include "confine.h"
#include <sys/prctl.h>
#include <sys/sysmacros.h>

// What the jailer needs, by the numbers of linux/capability.h; nothing else is left to whatever it runs.
#define CHOWN 0
#define DAC_OVERRIDE 1
#define FOWNER 3
#define SETGID 6
#define SETUID 7
#define SYS_CHROOT 18
#define SYS_ADMIN 21
#define SYS_RESOURCE 24
#define MKNOD 27
#define NEEDED \
  (1ULL << CHOWN | 1ULL << DAC_OVERRIDE | 1ULL << FOWNER | 1ULL << SETGID | 1ULL << SETUID | 1ULL << SYS_CHROOT | \
   1ULL << SYS_ADMIN | 1ULL << SYS_RESOURCE | 1ULL << MKNOD)
#define FIRST_FILE 9
#define MOST_FILES 64

struct file {
  const char *name;
  int tree;
  struct stat stat;
};

static struct file opened(char *text) {
  char *access = strchr(text, ':'), *source = access == NULL ? NULL : strchr(access + 1, ':');
  if (source == NULL) {
    errno = EINVAL;
    failed("take", text);
  }
  *access++ = *source++ = 0;
  int is_path = *source == '/', from = is_path ? AT_FDCWD : (int)number(source, "take");
  const char *path = is_path ? source : "";
  struct file file = {.name = text, .tree = -1};
  if (fstatat(from, path, &file.stat, AT_SYMLINK_NOFOLLOW | EMPTY_PATH) != 0) failed("look at", text);
  if (S_ISBLK(file.stat.st_mode)) {
    errno = EINVAL;
    if (is_path) failed("take the device", text);
    return file;
  }
  file.tree = (int)syscall(SYS_OPEN_TREE, from, path, TREE_CLONE | O_CLOEXEC | AT_SYMLINK_NOFOLLOW | EMPTY_PATH);
  if (file.tree == -1) failed("open", text);
  struct attributes locked = {.set = ATTR_NOSUID | ATTR_NODEV | ATTR_NOEXEC | (strcmp(access, "ro") == 0 ? ATTR_RDONLY : 0)};
  if (syscall(SYS_MOUNT_SETATTR, file.tree, "", EMPTY_PATH, &locked, sizeof locked) != 0) failed("lock", text);
  return file;
}

static void lay(const struct file *file, int root, uid_t uid) {
  mode_t kind = file->stat.st_mode & S_IFMT;
  if (kind == S_IFBLK) {
    if (mknodat(root, file->name, S_IFBLK | 0600, file->stat.st_rdev) != 0) failed("make", file->name);
    if (fchownat(root, file->name, uid, uid, AT_SYMLINK_NOFOLLOW) != 0) failed("give away", file->name);
    return;
  }
  int made = kind == S_IFDIR ? mkdirat(root, file->name, 0700) : mknodat(root, file->name, S_IFREG | 0600, 0);
  if (made != 0) failed("make", file->name);
  if (syscall(SYS_MOVE_MOUNT, file->tree, "", root, file->name, FROM_EMPTY_PATH) != 0) failed("mount", file->name);
}

static void give_up_privileges(void) {
  for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++) {
    if ((NEEDED >> capability & 1) == 1) continue;
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) failed("give up", "capabilities");
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) failed("give up", "new privileges");
}

int main(int argc, char **argv) {
  static struct file files[MOST_FILES];
  int program = FIRST_FILE;
  while (program < argc && strcmp(argv[program], "--") != 0) program++;
  if (program + 1 >= argc || program - FIRST_FILE > MOST_FILES) return 64;
  const char *base = argv[5], *at = argv[7];
  uid_t uid = (uid_t)number(argv[8], "become");

  say_what_it_is();
  umask(022);
  if (setns((int)number(argv[4], "enter"), CLONE_NEWNS) != 0) failed("enter", "the mount namespace of the files");
  // Before the mounts become this process's own: those of the files would be another namespace's.
  for (int i = FIRST_FILE; i < program; i++) files[i - FIRST_FILE] = opened(argv[i]);
  own_mounts();
  char options[64];
  snprintf(options, sizeof options, "size=%llu,mode=700", number(argv[6], "give room of"));
  if (mount("banger-jail", base, "tmpfs", MS_NOSUID, options) != 0) failed("mount", base);
  make_directories(at);
  int root = open(at, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (root == -1) failed("open", at);
  for (int i = 0; i < program - FIRST_FILE; i++) lay(&files[i], root, uid);
  if (chdir("/") != 0) failed("enter", "/");
  give_up_privileges();
  umask(0);
  limit_all(argv + 1);
  execv(argv[program + 1], argv + program + 1);
  failed("run", argv[program + 1]);
}
