#include "agent.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bytes.h"
#include "cgroup.h"
#include "dispatch.h"

enum { POLLS = 1 + LINK_POLLS + EXEC_SLOTS * EXEC_POLLS };

static const uint64_t ns_per_ms = 1000000;

static int watch_children(struct agent *agent) {
  signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) return errno;
  agent->children = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  return agent->children < 0 ? errno : 0;
}

static void reap(struct agent *agent) {
  struct signalfd_siginfo info;
  while (read(agent->children, &info, sizeof info) > 0) continue;
  int status;
  for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
    for (size_t i = 0; i < EXEC_SLOTS; i++) {
      struct exec *exec = &agent->execs[i];
      if (exec->state == EXEC_RUNNING && exec->child.pid == pid) exec_reaped(exec, status);
    }
  }
  agent->unswept = cgroup_sweep(agent->cgroups, EXEC_CGROUP);
}

// A host that was attached to the agent before this one hears at once that its session is over.
static void say_started(struct agent *agent) {
  put_u16(outbox_payload(&agent->out), PROTOCOL_VERSION);
  outbox_add(&agent->out, &(struct frame){.type = FRAME_STARTED, .length = 2});
}

static void receive(struct agent *agent) {
  uint8_t *at;
  size_t space = frame_decoder_space(&agent->in, &at);
  frame_decoder_added(&agent->in, link_read(&agent->link, at, space));
}

// Frames are taken only while there is room for their answers; the host's sender waits then.
static void dispatch_frames(struct agent *agent) {
  struct frame frame;
  while (outbox_takes_answers(&agent->out) && frame_decoder_next(&agent->in, &frame)) dispatch(agent, &frame);
}

static void pump(struct agent *agent) {
  for (size_t i = 0; i < EXEC_SLOTS; i++) {
    exec_pump(&agent->execs[(agent->first + i) % EXEC_SLOTS], &agent->out, agent->session);
  }
  agent->first = (agent->first + 1) % EXEC_SLOTS;
}

// Returns true when somebody who found the outbox full can go on now.
static bool flush(struct agent *agent) {
  bool was_full = !outbox_takes_output(&agent->out);
  if (agent->link.state == LINK_PRESENT && outbox_flush(&agent->out, agent->link.fd) != 0) link_broke(&agent->link);
  return was_full && outbox_takes_output(&agent->out);
}

// The answer to SHUTDOWN goes out first. systemd can miss the signal while it starts: it gets it every second.
static void end_machine(struct agent *agent) {
  uint64_t now = boottime_ns();
  if (!agent->ending || (now < agent->power_due && outbox_free(&agent->out) != OUTBOX_SIZE)) return;
  if (agent->power == NULL) {
    agent->link.state = LINK_ENDED;
  } else if (now >= agent->power_due || !agent->power_told) {
    agent->power_told = true;
    agent->power_due = now + 1000 * ns_per_ms;
    agent->power(agent->how);
  }
}

// A connection begins with whole frames, of both sides. Commands go on until the host attaches.
static void begin_connection(struct agent *agent) {
  frame_decoder_forget(&agent->in);
  outbox_empty(&agent->out);
}

static int wait_for_events(struct agent *agent, bool at_once) {
  struct pollfd polls[POLLS] = {{.fd = agent->children, .events = POLLIN}};
  bool reading = outbox_takes_answers(&agent->out), writing = outbox_free(&agent->out) < OUTBOX_SIZE;
  link_polls(&agent->link, reading, writing, polls + 1);
  for (size_t i = 0; i < EXEC_SLOTS; i++) exec_polls(&agent->execs[i], &agent->out, polls + 1 + LINK_POLLS + i * EXEC_POLLS);
  int timeout = at_once ? 0 : agent->ending ? 100 : -1;
  if (poll(polls, POLLS, timeout) < 0) return errno == EINTR ? 0 : errno;
  if (polls[0].revents != 0) reap(agent);
  if (link_polled(&agent->link, polls + 1)) begin_connection(agent);
  return 0;
}

int agent_run(struct agent *agent) {
  int error = watch_children(agent);
  if (error != 0) return error;
  timeline_end_open(&agent->timeline, boottime_ns());
  agent->unswept = agent->cgroups >= 0;
  say_started(agent);
  while (error == 0 && agent->link.state != LINK_ENDED) {
    receive(agent);
    dispatch_frames(agent);
    pump(agent);
    bool freed = flush(agent);
    end_machine(agent);
    if (agent->link.state != LINK_ENDED) error = wait_for_events(agent, freed);
  }
  for (size_t i = 0; i < EXEC_SLOTS; i++) exec_drop(&agent->execs[i]);
  close(agent->children);
  return error;
}
