#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "users.h"

void child_close(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

static void close_pair(int pair[2]) {
  child_close(&pair[0]);
  child_close(&pair[1]);
}

// Ends the child and tells the agent why.
__attribute__((format(printf, 3, 4))) static _Noreturn void fail(int to, int error, const char *format, ...) {
  struct child_failure failure = {.error = error};
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(failure.text, sizeof failure.text, format, arguments);
  va_end(arguments);
  if (length >= 0 && (size_t)length < sizeof failure.text) {
    snprintf(failure.text + length, sizeof failure.text - (size_t)length, ": %s", strerror(error));
  }
  ssize_t written = write(to, &failure, sizeof failure);
  _exit(written < 0 ? 126 : 127);
}

static bool is_there(const char *directory, size_t length, const char *name) {
  char path[PATH_MAX];
  int written = snprintf(path, sizeof path, "%.*s%s%s", (int)length, directory, length == 0 ? "" : "/", name);
  return written > 0 && (size_t)written < sizeof path && access(path, F_OK) == 0;
}

// True when there is such a file, here or below PATH: then what isn't there is the interpreter that it names.
static bool is_found(const char *file) {
  if (strchr(file, '/') != NULL) return is_there("", 0, file);
  const char *path = getenv("PATH");
  for (const char *at = path; at != NULL && *file != 0; at = *at == 0 ? NULL : at + 1) {
    size_t length = strcspn(at, ":");
    if (is_there(at, length, file)) return true;
    at += length;
  }
  return false;
}

// As fail, for a program that can't be run.
static _Noreturn void fail_program(int to, int error, const char *file) {
  struct child_failure failure = {.error = error, .program = true};
  const char *why = strerror(error);
  if (error == ENOENT && is_found(file)) {
    failure.error = ENOEXEC;
    why = "there, but not the interpreter that it names";
  }
  snprintf(failure.text, sizeof failure.text, "%.150s: %s", file, why);
  ssize_t written = write(to, &failure, sizeof failure);
  _exit(written < 0 ? 126 : 127);
}

static void reset_signals(void) {
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static void find_user(int failure, const char *who, struct user *user) {
  int error = user_find("/etc/passwd", "/etc/group", who, user);
  if (error != 0) fail(failure, error, "user %.100s", who);
}

static void become_user(int failure, const char *who, const struct user *user) {
  if (geteuid() != 0 && user->uid == geteuid()) return;
  if (setgroups(user->group_count, user->groups) != 0 || setgid(user->gid) != 0 || setuid(user->uid) != 0) {
    fail(failure, errno, "become user %.100s", who);
  }
}

static void set_environment(const struct exec_request *request, const struct user *user) {
  clearenv();
  setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
  setenv("HOME", user->home, 1);
  setenv("USER", user->name, 1);
  setenv("SHELL", user->shell, 1);
  setenv("LANG", "C.UTF-8", 1);
  for (char **entry = request->env; *entry != NULL; entry++) putenv(*entry);
}

static void enter_directory(int failure, const struct exec_request *request, const struct user *user) {
  if (request->cwd != NULL) {
    if (chdir(request->cwd) != 0) fail(failure, errno, "directory %.150s", request->cwd);
  } else if (chdir(user->home) != 0 && chdir("/") != 0) {
    fail(failure, errno, "directory /");
  }
}

// The agent, as its supervisor, is spared when the guest runs out of memory; what it starts isn't.
static void be_killable(void) {
  int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  ssize_t ignored = write(fd, "0", 1);
  (void)ignored;
  close(fd);
}

// Nobody could ask about it, or end it, without the agent. Becoming another user would undo this.
static void end_with(pid_t agent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != agent) _exit(126);
}

// Its user may open it by its name, as whoever logs in.
static void take_terminal(int failure, const struct user *user) {
  int error = terminal_control(0);
  if (error != 0) fail(failure, error, "terminal");
  if (fchown(0, user->uid, (gid_t)-1) != 0 && geteuid() == 0) fail(failure, errno, "terminal");
}

static _Noreturn void run(const struct exec_request *request, pid_t agent, int in, int out, int err, int failure) {
  setsid();
  reset_signals();
  if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) fail(failure, errno, "standard streams");
  be_killable();
  const char *who = request->user == NULL ? "root" : request->user;
  struct user user;
  find_user(failure, who, &user);
  if (request->has_terminal) take_terminal(failure, &user);
  become_user(failure, who, &user);
  set_environment(request, &user);
  enter_directory(failure, request, &user);
  umask(022);
  end_with(agent);
  execvp(request->argv[0], request->argv);
  fail_program(failure, errno, request->argv[0]);
}

static int open_failure(int failure[2]) {
  if (pipe2(failure, O_CLOEXEC) != 0) return errno;
  return fcntl(failure[0], F_SETFL, O_NONBLOCK) == 0 ? 0 : errno;
}

// The three streams of the command are its terminal; the host reads from one descriptor of the other side, and writes to another.
static int open_terminal(const struct exec_request *request, int in[2], int out[2]) {
  int error = terminal_open(&request->terminal, &out[0], &out[1]);
  if (error != 0 || !request->stdin_open) return error;
  in[1] = fcntl(out[0], F_DUPFD_CLOEXEC, 0);
  return in[1] < 0 ? errno : 0;
}

static int open_pipes(bool stdin_open, int in[2], int out[2], int err[2]) {
  if (stdin_open) {
    if (pipe2(in, O_CLOEXEC) != 0) return errno;
  } else {
    in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (in[0] < 0) return errno;
  }
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) return errno;
  const int ours[] = {in[1], out[0], err[0]};
  for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
    if (ours[i] >= 0 && fcntl(ours[i], F_SETFL, O_NONBLOCK) != 0) return errno;
  }
  return 0;
}

int child_start(const struct exec_request *request, int cgroups, struct child *child) {
  int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1}, failure[2] = {-1, -1};
  bool terminal = request->has_terminal;
  int error = open_failure(failure);
  if (error == 0) error = terminal ? open_terminal(request, in, out) : open_pipes(request->stdin_open, in, out, err);
  int cgroup = -1;
  pid_t pid = -1;
  if (error == 0) {
    pid_t agent = getpid();
    cgroup = cgroup_new(cgroups, EXEC_CGROUP);
    pid = cgroup_fork(cgroup);
    if (pid == 0) run(request, agent, terminal ? out[1] : in[0], out[1], terminal ? out[1] : err[1], failure[1]);
    if (pid < 0) error = errno;
  }
  if (error != 0) {
    child_close(&cgroup);
    close_pair(in);
    close_pair(out);
    close_pair(err);
    close_pair(failure);
    return error;
  }
  child_close(&in[0]);
  if (!terminal) child_close(&out[1]);
  child_close(&err[1]);
  child_close(&failure[1]);
  *child = (struct child){
      .pid = pid, .in = in[1], .out = out[0], .err = err[0], .terminal = out[1], .failure = failure[0], .cgroup = cgroup};
  return 0;
}
