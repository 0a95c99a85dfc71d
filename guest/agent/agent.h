#ifndef BANGER_AGENT_H
#define BANGER_AGENT_H

#include "exec.h"
#include "frame.h"
#include "link.h"
#include "outbox.h"
#include "timeline.h"

enum {
  EXECS_MAX = 64,
  // More than that, so that requests which are refused can be read to their ends.
  EXEC_SLOTS = 2 * EXECS_MAX,
  NONCE_SIZE = 16,
  PROTOCOL_VERSION = 4,
};

// How SHUTDOWN says that the machine should end.
enum power { POWER_OFF = 0, POWER_REBOOT = 1 };

// All that the agent keeps. What it allocates beside this is bounded per exec: a request, or a stdin_buffer.
struct agent {
  struct link link;
  struct frame_decoder in;
  struct outbox out;
  struct exec execs[EXEC_SLOTS];
  // Which exec is served first, so that all are in turn.
  size_t first;
  struct timeline timeline;
  bool attached;
  uint32_t session;
  // SHUTDOWN was asked for. `power_due`: when the machine is told (again) to end, in ns of CLOCK_BOOTTIME.
  bool ending;
  enum power how;
  uint64_t power_due;
  bool power_told;
  // Ends the machine; may return, and is called again each second then. NULL: the agent itself ends instead.
  void (*power)(enum power how);
  // Sets the machine's clock. Returns 0 or an errno. NULL: it isn't ours to set.
  int (*set_clock)(uint64_t unix_ns);
  // The path of /proc. NULL: nothing is known of the machine.
  const char *proc;
  // Where the cgroups of commands are made; -1: nowhere.
  int cgroups;
  // Some of these may be there still in which nothing runs any more.
  bool unswept;
  // signalfd of SIGCHLD.
  int children;
};

// Serves the host until a connected socket's peer is gone, or SHUTDOWN when there is no `power`. The caller has filled in `link`,
// `timeline`, `power`, `set_clock`, `proc` and `cgroups`; the rest is 0. Returns 0 or an errno.
int agent_run(struct agent *agent);

#endif
