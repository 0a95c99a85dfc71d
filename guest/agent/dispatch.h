#ifndef BANGER_DISPATCH_H
#define BANGER_DISPATCH_H

#include "agent.h"

// Does what a frame asks for. Call it only while the outbox takes answers.
void dispatch(struct agent *agent, const struct frame *frame);

#endif
