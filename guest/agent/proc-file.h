#ifndef BANGER_PROC_FILE_H
#define BANGER_PROC_FILE_H

#include <stdio.h>

// Opens a file below a directory to be read; NULL when it can't be.
FILE *proc_file_open(int proc, const char *path);

#endif
