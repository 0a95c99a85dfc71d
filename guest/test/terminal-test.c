#include "terminal.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "stdin-buffer.h"

static void has_its_size_and_another(void) {
  int host, command;
  struct winsize size;
  CHECK(terminal_open(&(struct terminal_size){.rows = 7, .columns = 99}, &host, &command) == 0);
  CHECK(isatty(host) && isatty(command));
  CHECK(ioctl(command, TIOCGWINSZ, &size) == 0 && size.ws_row == 7 && size.ws_col == 99);
  terminal_resize(host, &(struct terminal_size){.rows = 65535, .columns = 0});
  CHECK(ioctl(command, TIOCGWINSZ, &size) == 0 && size.ws_row == 65535 && size.ws_col == 0);
  close(command);
  close(host);
}

static void never_blocks_the_host(void) {
  int host, command;
  char byte;
  CHECK(terminal_open(&(struct terminal_size){0}, &host, &command) == 0);
  CHECK(read(host, &byte, 1) == -1 && errno == EAGAIN);
  CHECK(write(command, "x", 1) == 1);
  CHECK(read(host, &byte, 1) == 1 && byte == 'x');
  close(command);
  CHECK(read(host, &byte, 1) == -1 && errno == EIO);
  close(host);
}

static void tells_who_is_in_front(void) {
  int host, command, status;
  CHECK(terminal_open(&(struct terminal_size){0}, &host, &command) == 0);
  CHECK(terminal_front(host) == 0);
  CHECK(terminal_control(command) != 0);
  pid_t pid = fork();
  if (pid == 0) _exit(setsid() == getpid() && terminal_control(command) == 0 && terminal_front(host) == getpid() ? 0 : 1);
  CHECK(waitpid(pid, &status, 0) == pid && status == 0);
  CHECK(terminal_front(-1) == 0);
  close(command);
  close(host);
}

// What stands behind the last byte of input says that there is no more, since a terminal has no end otherwise.
static void ends_input_as_a_terminal_does(void) {
  int host, command;
  char text[8];
  struct stdin_buffer buffer;
  CHECK(terminal_open(&(struct terminal_size){0}, &host, &command) == 0);
  CHECK(stdin_buffer_open(&buffer));
  buffer.farewell = TERMINAL_END_OF_INPUT;
  stdin_buffer_take_credit(&buffer);
  CHECK(stdin_buffer_add(&buffer, (const uint8_t *)"a\n", 2) && stdin_buffer_waits(&buffer));
  stdin_buffer_drain(&buffer, &host);
  CHECK(host >= 0 && !stdin_buffer_waits(&buffer));
  int writer = dup(host);
  CHECK(stdin_buffer_add(&buffer, (const uint8_t *)"", 0) && stdin_buffer_waits(&buffer));
  stdin_buffer_drain(&buffer, &writer);
  CHECK(writer == -1 && !stdin_buffer_waits(&buffer));
  CHECK(read(command, text, sizeof text) == 2 && memcmp(text, "a\n", 2) == 0);
  CHECK(read(command, text, sizeof text) == 0);
  stdin_buffer_close(&buffer);
  close(command);
  close(host);
}

int main(void) {
  has_its_size_and_another();
  never_blocks_the_host();
  tells_who_is_in_front();
  ends_input_as_a_terminal_does();
  puts("ok terminal");
  return 0;
}
