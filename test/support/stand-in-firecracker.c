// Stands in for Firecracker in tests of the helper: serves its API's socket, writes its log, and says what it can reach.
//
//   stand-in-firecracker --id ID --api-sock PATH --log-path PATH [--seccomp-filter PATH] [...]
//   stand-in-firecracker --version
//
// Built with NO_FILTER it has none of its own, as one that was built for glibc; with SLOW it says no version; with STOPS it stops
// itself before anything else. To `GET /` it answers as Firecracker does; to `GET /open/PATH` which way it can open that path; to `GET /end/STATUS` it ends
// so, after 1 MiB of words.

#include "firecracker/allow-all.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

static const char *option(int argc, char **argv, const char *name) {
  for (int i = 1; i + 1 < argc; i++)
    if (strcmp(argv[i], name) == 0) return argv[i + 1];
  return NULL;
}

static const char *opens(const char *path) {
  int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC), is_written = fd != -1;
  if (!is_written) fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd == -1) return strerror(errno);
  close(fd);
  return is_written ? "rw" : "ro";
}

static void answer(int to, const char *body) {
  dprintf(to, "HTTP/1.1 200 \r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--version") == 0) {
#ifdef SLOW
    pause();
#endif
    puts("Firecracker v1.16.1\n\n2026-01-01T00:00:00 [anonymous-instance:main] Firecracker exiting successfully. exit_code=0");
    return 0;
  }
#ifdef STOPS
  raise(SIGSTOP);
#endif
  const char *api = option(argc, argv, "--api-sock"), *words = option(argc, argv, "--log-path");
  const char *filter = option(argc, argv, "--seccomp-filter");
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int log = words == NULL ? -1 : open(words, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (log == -1 || api == NULL || strlen(api) >= sizeof address.sun_path) return 153;
  strcpy(address.sun_path, api);
  if (filter != NULL && opens(filter)[0] != 'r') return 1;
  dprintf(log, "Running Firecracker v1.16.1, filter %s\n", filter == NULL ? "none" : filter);
#ifdef NO_FILTER
  if (filter != NULL)
#endif
    allow_all();
  if (bind(server, (struct sockaddr *)&address, sizeof address) != 0 || listen(server, 8) != 0) {
    fprintf(stderr, "Error: %s: %s\n", api, strerror(errno));
    return 1;
  }
  puts("console");
  fflush(stdout);
  for (;;) {
    char request[1024], path[1024];
    int client = accept4(server, NULL, NULL, SOCK_CLOEXEC);
    ssize_t length = client == -1 ? -1 : read(client, request, sizeof request - 1);
    if (length > 0) {
      request[length] = 0;
      if (sscanf(request, "GET /end/%1000s", path) == 1) {
        for (int i = 0; i < 1024; i++) {
          dprintf(log, "%1023s\n", "words");
          dprintf(STDERR_FILENO, "%1023s\n", "errors");
        }
        _exit(atoi(path));
      }
      int asked = sscanf(request, "GET /open%1000s", path) == 1;
      answer(client, asked ? opens(path) : "{\"state\":\"Not started\"}");
    }
    if (client != -1) close(client);
  }
}
