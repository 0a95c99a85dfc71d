#ifndef BANGER_CONSOLE_H
#define BANGER_CONSOLE_H

// Makes /dev/console the standard streams.
void console_open(void);

// Leaves the console to the image: what this process and its children have to say goes to the kernel's log, whose lines are
// one write each.
void console_leave(void);

// Writes one line, `banger-init: <what>: <errno text>`, to the console.
void console_warn(const char *what, int error);

// Writes that line and powers the machine off, so that the host sees at once that the boot has failed.
_Noreturn void console_die(const char *what, int error);

#endif
