#ifndef BANGER_EXEC_H
#define BANGER_EXEC_H

#include <poll.h>

#include "child.h"
#include "outbox.h"
#include "stdin-buffer.h"

enum { EXEC_POLLS = 3 };

// FREE → REQUESTED (EXEC begins) → RUNNING (EXEC is whole) → ENDED (process reaped) → FREE (EXIT is in the outbox).
// What can't start goes to FAILED, and on to FREE when its request is whole and its EXIT is in the outbox.
enum exec_state { EXEC_FREE, EXEC_REQUESTED, EXEC_RUNNING, EXEC_ENDED, EXEC_FAILED };

struct exec {
  enum exec_state state;
  uint32_t stream;
  // Where the command's cgroup is made; -1: nowhere.
  int cgroups;
  // REQUESTED: the payload so far.
  uint8_t *request;
  size_t request_length;
  // The last part of the request has come.
  bool whole;
  struct child child;
  struct stdin_buffer in;
  // Its streams are a terminal.
  bool on_terminal;
  // How many bytes of output the daemon takes.
  uint64_t credit;
  // ENDED: how many of the bytes that were in each pipe when the process ended are there still, at most.
  size_t out_left;
  size_t err_left;
  int wait_status;
  // It was killed because the machine's memory was used up.
  bool out_of_memory;
  struct child_failure failure;
};

// Makes a free slot wait for the parts of a request.
void exec_begin(struct exec *exec, uint32_t stream, int cgroups);

// Takes a part of EXEC's payload; with the last one, starts the command.
void exec_request_part(struct exec *exec, const struct frame *frame);

// Lets a request that has not started anything be answered with `error` once it is whole.
void exec_refuse(struct exec *exec, int error, const char *text);

// Takes bytes for stdin, none at its end. A command whose daemon sends more than it had credit for is killed.
void exec_stdin(struct exec *exec, const uint8_t *bytes, size_t length);

// Sends a signal to the command's process group; on a terminal, to who runs in front there too, or instead where it is a
// key's there (SIGINT, SIGQUIT, SIGTSTP).
void exec_signal(struct exec *exec, int number);

// Says how large the command's terminal is now.
void exec_resize(struct exec *exec, const struct terminal_size *size);

// Says that the process has ended: what its pipes hold now is all that is waited for.
void exec_reaped(struct exec *exec, int wait_status);

// Moves bytes between pipes and outbox, as far as credit and space go, at most a frame from each pipe so that no
// command starves another; sends EXIT when it is time.
void exec_pump(struct exec *exec, struct outbox *outbox, uint32_t session);

// What to wait for; EXEC_POLLS entries.
void exec_polls(const struct exec *exec, const struct outbox *outbox, struct pollfd *polls);

// Kills what still runs and forgets it, without an answer.
void exec_drop(struct exec *exec);

#endif
