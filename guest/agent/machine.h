#ifndef BANGER_MACHINE_H
#define BANGER_MACHINE_H

#include <stdbool.h>

// True for a machine that can only be reset (`banger.power_off=reset` on the kernel's command line): one that were powered off
// would stand still for ever, and its host would wait.
bool machine_only_resets(void);

// Powers the machine off at once, or resets it where it can only be reset, saying by the kernel's own last words that it was
// powered off. Returns when neither can be.
void machine_power_off(void);

#endif
