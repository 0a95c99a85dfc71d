// What moves between a command's pipes and the host.
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bytes.h"
#include "exec.h"

enum { EXIT_EXITED = 0, EXIT_SIGNALED = 1, EXIT_NOT_STARTED = 2, EXIT_NOT_RUNNABLE = 3, EXIT_HEADER = 5 };

// True when there may be more at once.
static bool pump_output(struct exec *exec, int *fd, size_t *left, enum frame_type type, struct outbox *outbox,
                        uint32_t session) {
  if (*fd < 0) return false;
  bool ended = exec->state != EXEC_RUNNING;
  if (!ended || *left > 0) {
    if (exec->credit == 0 || !outbox_takes_output(outbox)) return false;
    size_t count = FRAME_PAYLOAD_MAX;
    if (count > exec->credit) count = (size_t)exec->credit;
    if (ended && count > *left) count = *left;
    ssize_t got = read(*fd, outbox_payload(outbox), count);
    if (got < 0 && (errno == EINTR || (errno == EAGAIN && !ended))) return false;
    if (got > 0) {
      outbox_add(outbox, &(struct frame){.session = session, .stream = exec->stream, .type = (uint8_t)type, .length = (uint32_t)got});
      exec->credit -= (uint64_t)got;
      if (ended) *left -= (size_t)got;
      if (!ended || *left > 0) return true;
    }
  }
  child_close(fd);
  return false;
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
    at[0] = exec->failure.program ? EXIT_NOT_RUNNABLE : EXIT_NOT_STARTED;
    put_u32(at + 1, (uint32_t)exec->failure.error);
    text = strnlen(exec->failure.text, sizeof exec->failure.text);
    memcpy(at + EXIT_HEADER, exec->failure.text, text);
  } else if (WIFSIGNALED(exec->wait_status)) {
    at[0] = EXIT_SIGNALED;
    put_u32(at + 1, (uint32_t)WTERMSIG(exec->wait_status));
    static const char why[] = "out of memory";
    if (exec->out_of_memory) memcpy(at + EXIT_HEADER, why, text = sizeof why - 1);
  } else {
    at[0] = EXIT_EXITED;
    put_u32(at + 1, (uint32_t)WEXITSTATUS(exec->wait_status));
  }
  outbox_add(outbox, &(struct frame){.session = session, .stream = exec->stream, .type = FRAME_EXIT, .length = (uint32_t)(EXIT_HEADER + text)});
}

void exec_pump(struct exec *exec, struct outbox *outbox, uint32_t session) {
  if (exec->state == EXEC_FREE || exec->state == EXEC_REQUESTED) return;
  pump_stdin(exec, outbox, session);
  // No poll would tell that a terminal, which others may hold open, has nothing more of a command that has ended.
  while (pump_output(exec, &exec->child.out, &exec->out_left, FRAME_STDOUT, outbox, session)) {
    if (!exec->on_terminal || exec->state == EXEC_RUNNING) break;
  }
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
  bool input = running && stdin_buffer_waits(&exec->in);
  polls[0] = (struct pollfd){.fd = input ? exec->child.in : -1, .events = POLLOUT};
  polls[1] = (struct pollfd){.fd = output ? exec->child.out : -1, .events = POLLIN};
  polls[2] = (struct pollfd){.fd = output ? exec->child.err : -1, .events = POLLIN};
}
