#include "uevent.h"

#include "check.h"

int main(void) {
  static const char resized[] = "change@/devices/virtio0/block/vda\0ACTION=change\0RESIZE=1\0DEVNAME=vda\0SEQNUM=7";
  static const char added[] = "add@/devices/virtio0/block/vda\0DEVNAME=vda";
  CHECK(uevent_tells_of_resize(resized, sizeof resized, "vda"));
  // Without its last byte, as any datagram may be.
  CHECK(uevent_tells_of_resize(resized, sizeof resized - 1, "vda"));
  CHECK(!uevent_tells_of_resize(resized, sizeof resized, "vdb"));
  CHECK(!uevent_tells_of_resize(resized, sizeof resized, "vd"));
  CHECK(!uevent_tells_of_resize(added, sizeof added, "vda"));
  CHECK(!uevent_tells_of_resize("", 0, "vda"));
  puts("ok uevent");
  return 0;
}
