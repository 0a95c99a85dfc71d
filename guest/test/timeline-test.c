#include "timeline.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "frame.h"

static void is_read_as_it_was_written(void) {
  struct timeline written = {0}, read = {0};
  timeline_add(&written, "kernel", 0, 5);
  timeline_add(&written, "root_mount", 5, UINT64_MAX);
  timeline_add(&written, "ready", 9, 0);
  char path[] = "/tmp/banger-timeline-XXXXXX";
  int fd = mkstemp(path);
  CHECK(fd >= 0 && timeline_write(&written, fd) == 0);
  close(fd);
  CHECK(timeline_read(&read, path) == 0);
  unlink(path);
  CHECK(read.count == 3 && strcmp(read.stages[1].name, "root_mount") == 0 && read.stages[1].end == UINT64_MAX);
  timeline_end_open(&read, 77);
  CHECK(read.stages[2].end == 77 && read.stages[0].end == 5);
}

static void encodes_at_most_a_payload(void) {
  static uint8_t payload[FRAME_PAYLOAD_MAX];
  struct timeline timeline = {0};
  for (int i = 0; i < 100; i++) timeline_add(&timeline, "a_name_of_thirty_two_characters_x", 1, 2);
  CHECK(timeline.count == TIMELINE_STAGES_MAX);
  size_t length = timeline_encode(&timeline, payload);
  CHECK(length == TIMELINE_STAGES_MAX * (1 + TIMELINE_NAME_MAX + 16) && length <= sizeof payload);
  CHECK(payload[0] == TIMELINE_NAME_MAX && payload[1 + TIMELINE_NAME_MAX] == 1);
}

int main(void) {
  is_read_as_it_was_written();
  encodes_at_most_a_payload();
  puts("ok timeline");
  return 0;
}
