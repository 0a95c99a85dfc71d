#ifndef BANGER_SHUTDOWN_H
#define BANGER_SHUTDOWN_H

// As what systemd starts this program, with how it is to end the machine, when its own work is done (systemd-shutdown(8)).
#define SHUTDOWN_PROGRAM "/shutdown"

// Has systemd leave the machine's end to this program, where a machine can only be reset: it would power it off, and it would
// stand still. And Ctrl-Alt-Del, which is such a machine's power button, powers it off as that does. /run is mounted.
void shutdown_offer(void);

// Ends the machine, whose root disk systemd has left at /oldroot. `how`: `poweroff`, `halt`, `reboot` or `kexec`.
_Noreturn void shutdown_end(const char *how);

#endif
