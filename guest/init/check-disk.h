#ifndef BANGER_CHECK_DISK_H
#define BANGER_CHECK_DISK_H

// Has a file system that isn't mounted checked and mended by the e2fsck that the initrd carries, which says on the console what
// it does. Dies when it can't be mended; where the initrd has no e2fsck that is said, and nothing done.
// `what` names the disk: `root disk`.
void check_disk(const char *device, const char *what);

#endif
