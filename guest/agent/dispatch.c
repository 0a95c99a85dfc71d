#include "dispatch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "cgroup.h"
#include "clock.h"
#include "ports.h"
#include "usage.h"

// How long the answer to SHUTDOWN may take to leave before the machine ends without it.
static const uint64_t farewell_ns = 200000000;

// What PING, USAGE and PORTS carry, and their answers begin with.
enum { TOKEN_SIZE = 8 };
_Static_assert(TOKEN_SIZE + PORTS_ENCODED_MAX <= FRAME_PAYLOAD_MAX, "the answer to PORTS is one frame");

static struct exec *find_exec(struct agent *agent, uint32_t stream) {
  for (size_t i = 0; i < EXEC_SLOTS; i++) {
    if (agent->execs[i].state != EXEC_FREE && agent->execs[i].stream == stream) return &agent->execs[i];
  }
  return NULL;
}

static struct exec *free_exec(struct agent *agent) {
  for (size_t i = 0; i < EXEC_SLOTS; i++) {
    if (agent->execs[i].state == EXEC_FREE) return &agent->execs[i];
  }
  return NULL;
}

static size_t live_execs(const struct agent *agent) {
  size_t count = 0;
  for (size_t i = 0; i < EXEC_SLOTS; i++) {
    if (agent->execs[i].state != EXEC_FREE && agent->execs[i].state != EXEC_FAILED) count++;
  }
  return count;
}

static void answer(struct agent *agent, enum frame_type type, size_t length) {
  outbox_add(&agent->out, &(struct frame){.session = agent->session, .type = (uint8_t)type, .length = (uint32_t)length});
}

static void on_attach(struct agent *agent, const struct frame *frame) {
  for (size_t i = 0; i < EXEC_SLOTS; i++) exec_drop(&agent->execs[i]);
  outbox_forget(&agent->out);
  agent->attached = true;
  agent->session = get_u32(frame->payload);
  uint8_t *at = outbox_payload(&agent->out);
  memcpy(at, frame->payload, NONCE_SIZE);
  uint16_t asked = get_u16(frame->payload + NONCE_SIZE);
  put_u16(at + NONCE_SIZE, asked < PROTOCOL_VERSION ? asked : PROTOCOL_VERSION);
  answer(agent, FRAME_HELLO, NONCE_SIZE + 2);
  answer(agent, FRAME_TIMELINE, timeline_encode(&agent->timeline, outbox_payload(&agent->out)));
}

static void on_ping(struct agent *agent, const struct frame *frame) {
  // What a command has left running ends without a word; pings are often enough to look.
  if (agent->unswept) agent->unswept = cgroup_sweep(agent->cgroups, EXEC_CGROUP);
  uint8_t *at = outbox_payload(&agent->out);
  memcpy(at, frame->payload, TOKEN_SIZE);
  put_u64(at + 8, boottime_ns());
  answer(agent, FRAME_PONG, 16);
}

static void on_time(struct agent *agent, const struct frame *frame) {
  struct clock_anchor anchor = {.guest_ns = get_u64(frame->payload), .unix_ns = get_u64(frame->payload + 8)};
  int64_t offset = clock_offset(&anchor, boottime_ns(), clock_real_ns());
  bool set = clock_is_off(offset) && agent->set_clock != NULL && agent->set_clock(clock_real_ns() - (uint64_t)offset) == 0;
  uint8_t *at = outbox_payload(&agent->out);
  put_u64(at, (uint64_t)offset);
  at[8] = set;
  answer(agent, FRAME_TIME_SET, 9);
}

// Where the kernel says what it counts; -1 when nowhere.
static int open_proc(const struct agent *agent) {
  return agent->proc == NULL ? -1 : open(agent->proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void on_usage(struct agent *agent, const struct frame *frame) {
  int proc = open_proc(agent);
  struct usage usage;
  usage_read(&usage, proc);
  if (proc >= 0) close(proc);
  uint8_t *at = outbox_payload(&agent->out);
  memcpy(at, frame->payload, TOKEN_SIZE);
  put_u64(at + TOKEN_SIZE, usage.total);
  put_u64(at + TOKEN_SIZE + 8, usage.available);
  answer(agent, FRAME_USED, TOKEN_SIZE + 16);
}

static void on_ports(struct agent *agent, const struct frame *frame) {
  int proc = open_proc(agent);
  struct ports ports;
  ports_read(&ports, proc);
  ports_find_processes(&ports, proc);
  if (proc >= 0) close(proc);
  uint8_t *at = outbox_payload(&agent->out);
  memcpy(at, frame->payload, TOKEN_SIZE);
  answer(agent, FRAME_LISTENING, TOKEN_SIZE + ports_encode(&ports, at + TOKEN_SIZE));
}

static void on_exec(struct agent *agent, const struct frame *frame) {
  struct exec *exec = find_exec(agent, frame->stream);
  if (exec == NULL) {
    bool full = live_execs(agent) >= EXECS_MAX;
    exec = free_exec(agent);
    if (exec == NULL) return;
    exec_begin(exec, frame->stream, agent->cgroups);
    if (full) exec_refuse(exec, EAGAIN, "too many commands at a time");
  }
  exec_request_part(exec, frame);
  exec_pump(exec, &agent->out, agent->session);
}

static void on_stdin(struct agent *agent, const struct frame *frame) {
  struct exec *exec = find_exec(agent, frame->stream);
  if (exec == NULL) return;
  exec_stdin(exec, frame->payload, frame->length);
  exec_pump(exec, &agent->out, agent->session);
}

static void on_signal(struct agent *agent, const struct frame *frame) {
  struct exec *exec = find_exec(agent, frame->stream);
  if (exec != NULL) exec_signal(exec, frame->payload[0]);
}

static void on_resize(struct agent *agent, const struct frame *frame) {
  struct exec *exec = find_exec(agent, frame->stream);
  struct terminal_size size = {.rows = get_u16(frame->payload), .columns = get_u16(frame->payload + 2)};
  if (exec != NULL) exec_resize(exec, &size);
}

static void on_credit(struct agent *agent, const struct frame *frame) {
  struct exec *exec = find_exec(agent, frame->stream);
  if (exec != NULL) exec->credit += get_u32(frame->payload);
}

static void on_shutdown(struct agent *agent, const struct frame *frame) {
  if (frame->payload[0] > POWER_REBOOT) return;
  answer(agent, FRAME_SHUTTING_DOWN, 0);
  if (agent->ending) return;
  agent->ending = true;
  agent->how = (enum power)frame->payload[0];
  agent->power_due = boottime_ns() + farewell_ns;
}

enum { ANY_LENGTH = -1 };

// What the host may send. `length`: of the payload; one of another length is dropped. `stream`: belongs to an exec.
static const struct handler {
  uint8_t type;
  int length;
  bool stream;
  void (*handle)(struct agent *agent, const struct frame *frame);
} handlers[] = {
    {FRAME_ATTACH, NONCE_SIZE + 2, false, on_attach},
    {FRAME_PING, TOKEN_SIZE, false, on_ping},
    {FRAME_TIME, 16, false, on_time},
    {FRAME_USAGE, TOKEN_SIZE, false, on_usage},
    {FRAME_PORTS, TOKEN_SIZE, false, on_ports},
    {FRAME_EXEC, ANY_LENGTH, true, on_exec},
    {FRAME_STDIN, ANY_LENGTH, true, on_stdin},
    {FRAME_SIGNAL, 1, true, on_signal},
    {FRAME_CREDIT, 4, true, on_credit},
    {FRAME_RESIZE, 4, true, on_resize},
    {FRAME_SHUTDOWN, 1, false, on_shutdown},
};

void dispatch(struct agent *agent, const struct frame *frame) {
  if (frame->type != FRAME_ATTACH && (!agent->attached || frame->session != agent->session)) return;
  for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
    const struct handler *handler = &handlers[i];
    if (handler->type != frame->type) continue;
    if (handler->length != ANY_LENGTH && (uint32_t)handler->length != frame->length) return;
    if (handler->stream != (frame->stream != 0)) return;
    handler->handle(agent, frame);
    return;
  }
}
