// Stands in for Firecracker's jailer in tests of the helper, where the real one isn't: does what that does, in its order
// (src/jailer/src/env.rs of v1.16.1), for the options that banger gives it.
//
//   stand-in-jailer --id ID --exec-file FILE --uid UID --gid GID --chroot-base-dir BASE --resource-limit no-file=N -- ARGS...
//   stand-in-jailer --version
//
// Built with STOPS it stops itself before it goes in.

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void must(int ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static char *option(char **argv, const char *name) {
  for (; *argv != NULL && strcmp(*argv, "--") != 0; argv++)
    if (strcmp(*argv, name) == 0) return argv[1];
  fprintf(stderr, "Missing argument: %s\n", name);
  exit(1);
}

static void copy(const char *from, const char *to, uid_t uid) {
  struct stat stat;
  int in = open(from, O_RDONLY | O_CLOEXEC);
  must(in != -1 && fstat(in, &stat) == 0, from);
  int out = open(to, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, stat.st_mode & 07777);
  must(out != -1 && fchown(out, uid, uid) == 0, to);
  while (stat.st_size > 0) {
    ssize_t done = sendfile(out, in, NULL, (size_t)stat.st_size);
    must(done > 0, "Failed to copy");
    stat.st_size -= done;
  }
  close(in);
  close(out);
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--version") == 0) return puts("Jailer v1.16.1\n") < 0;
  must(syscall(SYS_close_range, 3, ~0U, 0) == 0, "close_range");
  char *id = option(argv, "--id"), *file = realpath(option(argv, "--exec-file"), NULL);
  char *base = realpath(option(argv, "--chroot-base-dir"), NULL), root[2048], inside[4096];
  uid_t uid = (uid_t)atoi(option(argv, "--uid"));
  must(file != NULL && base != NULL, "Failed to canonicalize path");
  char *name = basename(strdup(file));
  snprintf(root, sizeof root, "%s/%s/%s/root", base, name, id);
  snprintf(inside, sizeof inside, "%s/%s", root, name);
  copy(file, inside, uid);
  struct rlimit most = {(rlim_t)atoi(strchr(option(argv, "--resource-limit"), '=') + 1), 0};
  most.rlim_max = most.rlim_cur;
  must(setrlimit(RLIMIT_NOFILE, &most) == 0, "Failed to set limits for resource");
#ifdef STOPS
  raise(SIGSTOP);
#endif
  must(unshare(CLONE_NEWNS) == 0, "Failed to unshare into new mount namespace");
  must(mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) == 0, "Failed to change the propagation type to slave");
  must(mount(root, root, NULL, MS_BIND | MS_REC, NULL) == 0, "Failed to bind mount the jail root directory");
  must(chdir(root) == 0 && mkdir("old_root", 0600) == 0, "Failed to create the jail root directory before pivoting root");
  must(syscall(SYS_pivot_root, ".", "old_root") == 0 && chdir("/") == 0, "Failed to pivot root");
  must(umount2("old_root", MNT_DETACH) == 0 && rmdir("old_root") == 0, "Failed to unmount the old jail root");
  const char *folders[] = {"/", "/dev", "/dev/net", "/run"};
  for (int i = 0; i < 4; i++) {
    must(mkdir(folders[i], 0700) == 0 || errno == EEXIST, folders[i]);
    must(chmod(folders[i], 0700) == 0 && chown(folders[i], uid, uid) == 0, folders[i]);
  }
  const struct { const char *path; unsigned major, minor; } nodes[] = {{"/dev/net/tun", 10, 200}, {"/dev/kvm", 10, 232}, {"/dev/urandom", 1, 9}};
  for (int i = 0; i < 3; i++) {
    must(mknod(nodes[i].path, S_IFCHR | 0600, makedev(nodes[i].major, nodes[i].minor)) == 0, nodes[i].path);
    must(chown(nodes[i].path, uid, uid) == 0, nodes[i].path);
  }
  while (strcmp(*argv, "--") != 0) argv++;
  char *args[64] = {strrchr(inside, '/'), "--id", id, "--start-time-us", "1", "--start-time-cpu-us", "1", "--parent-cpu-time-us", "1"};
  for (int i = 9; i < 63 && *++argv != NULL; i++) args[i] = *argv;
  char pid_file[4096];
  snprintf(pid_file, sizeof pid_file, "%.2048s.pid", args[0]);
  must(dprintf(open(pid_file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666), "%d", getpid()) > 0, pid_file);
  must(setgroups(0, NULL) == 0 && setgid(uid) == 0 && setuid(uid) == 0, "Failed to become the uid");
  execv(args[0], args);
  must(0, args[0]);
}
