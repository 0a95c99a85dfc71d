#include "check-disk.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "console.h"

static const char program[] = "/banger/e2fsck";

// Bits of e2fsck's exit status: it mended something; the machine should be started anew, which is of a mounted one only.
enum { MENDED = 1, START_ANEW = 2 };

static int e2fsck(const char *how, const char *device) {
  pid_t pid = fork();
  if (pid == 0) {
    // execve(2) takes strings that it doesn't change as ones that it might.
    const char *argv[] = {program, how, device, NULL};
    char *env[] = {NULL};
    execve(program, (char **)(size_t)argv, env);
    _exit(127);
  }
  int status = 0;
  while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}

static int is_well(int status) { return (status & ~(MENDED | START_ANEW)) == 0; }

void check_disk(const char *device, const char *what) {
  char text[300];
  if (access(program, X_OK) != 0) {
    snprintf(text, sizeof text, "check %.250s: no e2fsck", what);
    console_warn(text, errno);
    return;
  }
  snprintf(text, sizeof text, "check %.250s", what);
  // First what harms nothing; nobody is there to be asked about the rest, without which nothing would run any more.
  if (!is_well(e2fsck("-p", device)) && !is_well(e2fsck("-y", device))) console_die(text, EUCLEAN);
}
