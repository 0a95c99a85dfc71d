#ifndef BANGER_HANDOVER_H
#define BANGER_HANDOVER_H

#include <sys/types.h>

// Becomes the image's own init. Where the image has none it stays: it reaps what has lost its parent, and powers the
// machine off at Ctrl-Alt-Del, or when the agent's supervisor ends.
_Noreturn void handover(pid_t supervisor);

#endif
