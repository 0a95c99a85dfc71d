#ifndef BANGER_CMDLINE_H
#define BANGER_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>

// x86's COMMAND_LINE_SIZE.
enum { CMDLINE_MAX = 2048 };

// Reads the kernel's command line; empty where /proc doesn't tell it.
void cmdline_read(char text[CMDLINE_MAX + 1]);

// True when a word of it begins so.
bool cmdline_has(const char *text, const char *beginning);

// Writes what it says to a module, `key=value` and blanks between them, as the kernel takes it when that is loaded.
void cmdline_params(const char *text, const char *module, char params[CMDLINE_MAX + 1]);

#endif
