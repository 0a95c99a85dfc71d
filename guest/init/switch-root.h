#ifndef BANGER_SWITCH_ROOT_H
#define BANGER_SWITCH_ROOT_H

// Frees the initrd's files, takes /dev, /proc and /sys along and makes the disk at `root` the root. Dies when it can't.
void switch_root(const char *root);

#endif
