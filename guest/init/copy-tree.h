#ifndef BANGER_COPY_TREE_H
#define BANGER_COPY_TREE_H

// Copies what is in one directory into another one, which gets its owner, mode, times and extended attributes too: files, directories,
// symbolic links as they are, FIFOs and devices; no sockets, and of a file with several names a copy each. What has the same name is
// replaced, a directory is added to. No link is followed. Returns 0 or the errno of what failed first.
int copy_tree(int from, int to);

#endif
