#include "exec.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bytes.h"

enum { EXIT_EXITED = 0, EXIT_SIGNALED = 1, EXIT_NOT_STARTED = 2, EXIT_HEADER = 5 };

static void close_fd(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

void exec_begin(struct exec *exec, uint32_t stream) { *exec = (struct exec){.state = EXEC_REQUESTED, .stream = stream}; }

void exec_refuse(struct exec *exec, int error, const char *text) {
  free(exec->request);
  exec->request = NULL;
  exec->state = EXEC_FAILED;
  exec->child = (struct child){.pid = -1, .in = -1, .out = -1, .err = -1, .failure = -1};
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
  if (error == 0) error = child_start(&request, &exec->child);
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
  // A child that has not come to setsid yet has no group.
  if (kill(-exec->child.pid, number) != 0) kill(exec->child.pid, number);
}

static size_t bytes_in_pipe(int fd) {
  int count = 0;
  return fd >= 0 && ioctl(fd, FIONREAD, &count) == 0 && count > 0 ? (size_t)count : 0;
}

void exec_reaped(struct exec *exec, int wait_status) {
  exec->wait_status = wait_status;
  exec->out_left = bytes_in_pipe(exec->child.out);
  exec->err_left = bytes_in_pipe(exec->child.err);
  bool failed = read(exec->child.failure, &exec->failure, sizeof exec->failure) == (ssize_t)sizeof exec->failure;
  close_fd(&exec->child.failure);
  close_fd(&exec->child.in);
  exec->state = failed ? EXEC_FAILED : EXEC_ENDED;
}

static void pump_output(struct exec *exec, int *fd, size_t *left, enum frame_type type, struct outbox *outbox,
                        uint32_t session) {
  if (*fd < 0) return;
  bool ended = exec->state != EXEC_RUNNING;
  if (!ended || *left > 0) {
    if (exec->credit == 0 || !outbox_takes_output(outbox)) return;
    size_t count = FRAME_PAYLOAD_MAX;
    if (count > exec->credit) count = (size_t)exec->credit;
    if (ended && count > *left) count = *left;
    ssize_t got = read(*fd, outbox_payload(outbox), count);
    if (got < 0 && (errno == EINTR || (errno == EAGAIN && !ended))) return;
    if (got > 0) {
      outbox_add(outbox, &(struct frame){.session = session, .stream = exec->stream, .type = (uint8_t)type, .length = (uint32_t)got});
      exec->credit -= (uint64_t)got;
      if (ended) *left -= (size_t)got;
      if (!ended || *left > 0) return;
    }
  }
  close_fd(fd);
}

static void pump_stdin(struct exec *exec, struct outbox *outbox, uint32_t session) {
  if (exec->in.bytes == NULL || exec->state != EXEC_RUNNING) return;
  stdin_buffer_drain(&exec->in, &exec->child.in);
  if (!outbox_takes_answers(outbox)) return;
  uint32_t credit = stdin_buffer_take_credit(&exec->in);
  if (credit == 0) return;
  put_u32(outbox_payload(outbox), credit);
  outbox_add(outbox, &(struct frame){.session = session, .stream = exec->stream, .type = FRAME_STDIN_CREDIT, .length = 4});
}

static void send_exit(struct exec *exec, struct outbox *outbox, uint32_t session) {
  uint8_t *at = outbox_payload(outbox);
  size_t text = 0;
  if (exec->state == EXEC_FAILED) {
    at[0] = EXIT_NOT_STARTED;
    put_u32(at + 1, (uint32_t)exec->failure.error);
    text = strnlen(exec->failure.text, sizeof exec->failure.text);
    memcpy(at + EXIT_HEADER, exec->failure.text, text);
  } else if (WIFSIGNALED(exec->wait_status)) {
    at[0] = EXIT_SIGNALED;
    put_u32(at + 1, (uint32_t)WTERMSIG(exec->wait_status));
  } else {
    at[0] = EXIT_EXITED;
    put_u32(at + 1, (uint32_t)WEXITSTATUS(exec->wait_status));
  }
  outbox_add(outbox, &(struct frame){.session = session, .stream = exec->stream, .type = FRAME_EXIT, .length = (uint32_t)(EXIT_HEADER + text)});
}

void exec_pump(struct exec *exec, struct outbox *outbox, uint32_t session) {
  if (exec->state == EXEC_FREE || exec->state == EXEC_REQUESTED) return;
  pump_stdin(exec, outbox, session);
  pump_output(exec, &exec->child.out, &exec->out_left, FRAME_STDOUT, outbox, session);
  pump_output(exec, &exec->child.err, &exec->err_left, FRAME_STDERR, outbox, session);
  if (exec->state == EXEC_FAILED && !exec->whole) return;
  bool drained = exec->child.out < 0 && exec->child.err < 0;
  if (exec->state == EXEC_RUNNING || !drained || !outbox_takes_answers(outbox)) return;
  send_exit(exec, outbox, session);
  stdin_buffer_close(&exec->in);
  exec->state = EXEC_FREE;
}

void exec_polls(const struct exec *exec, const struct outbox *outbox, struct pollfd *polls) {
  // A descriptor that isn't wanted now is left out: poll reports a hang-up even when asked for nothing.
  bool running = exec->state == EXEC_RUNNING;
  bool output = (running || exec->state == EXEC_ENDED) && exec->credit > 0 && outbox_takes_output(outbox);
  bool input = running && exec->in.length > 0;
  polls[0] = (struct pollfd){.fd = input ? exec->child.in : -1, .events = POLLOUT};
  polls[1] = (struct pollfd){.fd = output ? exec->child.out : -1, .events = POLLIN};
  polls[2] = (struct pollfd){.fd = output ? exec->child.err : -1, .events = POLLIN};
}

void exec_drop(struct exec *exec) {
  exec_signal(exec, SIGKILL);
  free(exec->request);
  stdin_buffer_close(&exec->in);
  if (exec->state != EXEC_FREE && exec->state != EXEC_REQUESTED) {
    close_fd(&exec->child.in);
    close_fd(&exec->child.out);
    close_fd(&exec->child.err);
    close_fd(&exec->child.failure);
  }
  *exec = (struct exec){0};
}
