#ifndef BANGER_FILE_H
#define BANGER_FILE_H

#include <stddef.h>

// Reads a whole file of at most `max` bytes, and puts a 0 behind them. Returns 0 or an errno; the caller frees `bytes`.
int file_read(const char *path, size_t max, char **bytes, size_t *length);

// The same with a file that is open, which must be a regular one; it is not closed.
int file_read_open(int fd, size_t max, char **bytes, size_t *length);

// Writes all bytes. Returns 0 or an errno.
int file_write_all(int fd, const char *bytes, size_t length);

// Reads the first line of a small file, without its end, into `line`. Returns 0 or an errno.
int file_line(const char *path, char *line, size_t size);

#endif
