#ifndef BANGER_USERS_H
#define BANGER_USERS_H

#include <sys/types.h>

enum { USER_GROUPS_MAX = 256, USER_TEXT_MAX = 256 };

struct user {
  uid_t uid;
  gid_t gid;
  char name[USER_TEXT_MAX];
  char home[USER_TEXT_MAX];
  char shell[USER_TEXT_MAX];
  gid_t groups[USER_GROUPS_MAX];
  size_t group_count;
};

// Looks `who` (a name or a uid) up in files like /etc/passwd and /etc/group: read here, because libc's own way
// needs shared libraries of the image. root and any uid are known without the files. Returns 0 or an errno.
int user_find(const char *passwd_path, const char *group_path, const char *who, struct user *user);

#endif
