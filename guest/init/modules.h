#ifndef BANGER_MODULES_H
#define BANGER_MODULES_H

// Loads the kernel modules that a list names, one path a line, in that order. Dies when one can't be loaded.
void modules_load(const char *list);

#endif
