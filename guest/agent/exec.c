#include "exec.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"

// The kernel's buffers of a pseudo-terminal are 8 KiB, and 4 KiB behind them.
enum { TERMINAL_HOLDS = 32 * 1024 };

void exec_begin(struct exec *exec, uint32_t stream, int cgroups) {
  *exec = (struct exec){.state = EXEC_REQUESTED, .stream = stream, .cgroups = cgroups};
}

void exec_refuse(struct exec *exec, int error, const char *text) {
  free(exec->request);
  exec->request = NULL;
  exec->state = EXEC_FAILED;
  exec->child = (struct child){.pid = -1, .in = -1, .out = -1, .err = -1, .terminal = -1, .failure = -1, .cgroup = -1};
  exec->failure.error = error;
  snprintf(exec->failure.text, sizeof exec->failure.text, "%s: %s", text, strerror(error));
}

static void start(struct exec *exec) {
  struct exec_request request;
  int error = exec_request_decode(exec->request, exec->request_length, &request);
  free(exec->request);
  exec->request = NULL;
  if (error != 0) {
    exec_refuse(exec, error, "request");
    return;
  }
  if (request.stdin_open && !stdin_buffer_open(&exec->in)) error = ENOMEM;
  exec->on_terminal = request.has_terminal;
  if (exec->on_terminal && error == 0) exec->in.farewell = TERMINAL_END_OF_INPUT;
  if (error == 0) error = child_start(&request, exec->cgroups, &exec->child);
  exec_request_free(&request);
  if (error != 0) {
    stdin_buffer_close(&exec->in);
    exec_refuse(exec, error, "start");
    return;
  }
  exec->state = EXEC_RUNNING;
}

void exec_request_part(struct exec *exec, const struct frame *frame) {
  if (exec->whole) return;
  exec->whole = (frame->flags & FRAME_MORE) == 0;
  if (exec->state != EXEC_REQUESTED) return;
  size_t length = exec->request_length + frame->length;
  uint8_t *longer = length > EXEC_REQUEST_MAX ? NULL : realloc(exec->request, length + 1);
  if (longer == NULL) {
    exec_refuse(exec, length > EXEC_REQUEST_MAX ? E2BIG : ENOMEM, "request");
    return;
  }
  memcpy(longer + exec->request_length, frame->payload, frame->length);
  exec->request = longer;
  exec->request_length = length;
  if (exec->whole) start(exec);
}

void exec_stdin(struct exec *exec, const uint8_t *bytes, size_t length) {
  if (exec->state != EXEC_RUNNING || exec->in.bytes == NULL || exec->in.ended) return;
  if (!stdin_buffer_add(&exec->in, bytes, length)) exec_signal(exec, SIGKILL);
}

void exec_signal(struct exec *exec, int number) {
  if (exec->state != EXEC_RUNNING || number < 1 || number >= NSIG) return;
  int front = exec->on_terminal ? terminal_front(exec->child.out) : 0;
  if (front == exec->child.pid) front = 0;
  if (front != 0) kill(-front, number);
  if (front != 0 && (number == SIGINT || number == SIGQUIT || number == SIGTSTP)) return;
  // A child that has not come to setsid yet has no group.
  if (kill(-exec->child.pid, number) != 0) kill(exec->child.pid, number);
}

void exec_resize(struct exec *exec, const struct terminal_size *size) {
  if (exec->state == EXEC_RUNNING && exec->on_terminal) terminal_resize(exec->child.out, size);
}

static size_t bytes_in_pipe(int fd) {
  int count = 0;
  return fd >= 0 && ioctl(fd, FIONREAD, &count) == 0 && count > 0 ? (size_t)count : 0;
}

void exec_reaped(struct exec *exec, int wait_status) {
  exec->wait_status = wait_status;
  // A terminal doesn't tell how much it holds; it is read until it has nothing, which is never more than this.
  exec->out_left = exec->on_terminal ? TERMINAL_HOLDS : bytes_in_pipe(exec->child.out);
  exec->err_left = bytes_in_pipe(exec->child.err);
  bool failed = read(exec->child.failure, &exec->failure, sizeof exec->failure) == (ssize_t)sizeof exec->failure;
  exec->out_of_memory = WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL && cgroup_oom_killed(exec->child.cgroup);
  if (failed) exec->out_left = 0;
  child_close(&exec->child.failure);
  child_close(&exec->child.in);
  child_close(&exec->child.terminal);
  child_close(&exec->child.cgroup);
  exec->state = failed ? EXEC_FAILED : EXEC_ENDED;
}

void exec_drop(struct exec *exec) {
  exec_signal(exec, SIGKILL);
  free(exec->request);
  stdin_buffer_close(&exec->in);
  if (exec->state != EXEC_FREE && exec->state != EXEC_REQUESTED) {
    child_close(&exec->child.in);
    child_close(&exec->child.out);
    child_close(&exec->child.err);
    child_close(&exec->child.terminal);
    child_close(&exec->child.failure);
    child_close(&exec->child.cgroup);
  }
  *exec = (struct exec){0};
}
