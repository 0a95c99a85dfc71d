// Puts whoever runs it into a VMM's cage, then becomes another program: limits, a mount namespace of its own in which
// nothing can be written but one directory, a word for the kernel's OOM killer, no memory in a core dump.
//
//   vmm-cage ADDRESS_SPACE FILE_SIZE PROCESSES DIRECTORY HIDDEN... -- ARGV...
//
// Sizes are bytes. DIRECTORY is the VMM's own, below one of the HIDDEN, which are empty for it otherwise. It runs as
// root; ARGV gives that up.

#define PROGRAM "vmm-cage"
#include "confine.h"

int main(int argc, char **argv) {
  int program = 5;
  while (program < argc && strcmp(argv[program], "--") != 0) program++;
  if (program + 1 >= argc) return 64;
  const char *own = argv[4];

  say_what_it_is();
  umask(022);
  own_mounts();
  int tree = (int)syscall(SYS_OPEN_TREE, AT_FDCWD, own, TREE_CLONE | O_CLOEXEC | AT_SYMLINK_NOFOLLOW);
  if (tree == -1) failed("open", own);
  struct attributes locked = {.set = ATTR_RDONLY | ATTR_NOSUID};
  if (syscall(SYS_MOUNT_SETATTR, AT_FDCWD, "/", RECURSIVE, &locked, sizeof locked) != 0) failed("lock", "all mounts");
  for (int i = 5; i < program; i++) {
    if (mount("banger-hidden", argv[i], "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64k,mode=755") == 0) continue;
    if (errno != ENOENT) failed("hide", argv[i]);
  }
  make_directories(own);
  if (syscall(SYS_MOVE_MOUNT, tree, "", AT_FDCWD, own, FROM_EMPTY_PATH) != 0) failed("mount", own);
  for (int i = 5; i < program; i++) {
    if (mount(NULL, argv[i], NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0) continue;
    // One that lies in another is hidden with that, and is no mount of its own.
    if (errno != ENOENT && errno != EINVAL) failed("lock", argv[i]);
  }
  if (chdir("/") != 0) failed("enter", "/");
  umask(0);
  limit_all(argv + 1);
  execv(argv[program + 1], argv + program + 1);
  failed("run", argv[program + 1]);
}
