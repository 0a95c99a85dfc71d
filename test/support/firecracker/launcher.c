// Becomes the program that is in Firecracker's place (program.ts), as a real one is run: it needs no library of the host's, and has a
// filter of system calls, which lets all through.

#include "allow-all.h"
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
  char *args[argc + 2];
  if (argc == 2 && strcmp(argv[1], "--version") == 0) {
    puts("Firecracker v1.16.1\n");
    return 0;
  }
  allow_all();
  args[0] = NODE;
  args[1] = PROGRAM;
  memcpy(args + 2, argv + 1, (size_t)argc * sizeof *argv);
  execv(NODE, args);
  perror(NODE);
  return 1;
}
