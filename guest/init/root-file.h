#ifndef BANGER_ROOT_FILE_H
#define BANGER_ROOT_FILE_H

#include <stddef.h>
#include <sys/types.h>

// Opens a directory of the root disk, making what is missing of it with `mode`. Symbolic links on the way are followed
// as if `root` were `/`, so none leads out of it. Returns a descriptor, or -1 with errno.
int root_directory(int root, const char *path, mode_t mode);

// The same, making nothing.
int root_directory_there(int root, const char *path);

// Opens a file of the root disk, links followed in the same way; never waits for who is at a FIFO's other end. Returns a
// descriptor, or -1 with errno.
int root_open(int root, const char *path, int flags);

// Puts a regular file in the place of whatever `name` is (a symbolic link is replaced, not followed), at once and whole.
// Returns 0 or an errno.
int root_write(int directory, const char *name, mode_t mode, const char *bytes, size_t length);

// The same in a directory of the root disk, which is made when it isn't there.
int root_write_at(int root, const char *directory, const char *name, mode_t mode, const char *bytes, size_t length);

#endif
