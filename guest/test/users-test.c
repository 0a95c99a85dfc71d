#include "users.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

static void put(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

int main(void) {
  char directory[] = "/tmp/banger-users-XXXXXX", passwd[64], group[64];
  CHECK(mkdtemp(directory) != NULL);
  snprintf(passwd, sizeof passwd, "%s/passwd", directory);
  snprintf(group, sizeof group, "%s/group", directory);
  put(passwd, "root:x:0:0:root:/root:/bin/bash\nbroken\n:::::\nweb:x:1000:1001:Web,,,:/srv/web:/bin/sh\n");
  put(group, "root:x:0:\nweb:x:1001:\nextra:x:2000:other,web\nother:x:2001:webber\n");
  struct user user;
  CHECK(user_find(passwd, group, "web", &user) == 0);
  CHECK(user.uid == 1000 && user.gid == 1001 && strcmp(user.home, "/srv/web") == 0 && strcmp(user.shell, "/bin/sh") == 0);
  bool extra = false, other = false;
  for (size_t i = 0; i < user.group_count; i++) {
    if (user.groups[i] == 2000) extra = true;
    if (user.groups[i] == 2001) other = true;
  }
  CHECK(extra && !other);
  CHECK(user_find(passwd, group, "1000", &user) == 0 && strcmp(user.name, "web") == 0);
  CHECK(user_find(passwd, group, "4321", &user) == 0 && user.uid == 4321);
  CHECK(user_find(passwd, group, "nobody-there", &user) != 0);
  unlink(passwd);
  unlink(group);
  CHECK(user_find(passwd, group, "root", &user) == 0 && user.uid == 0);
  rmdir(directory);
  puts("ok users");
  return 0;
}
