// Tries what a VMM will do with KVM, as whoever runs it: opens the device, makes a VM.
//
//   kvm-probe DEVICE    prints nothing and exits 0 when it can, else says what failed and exits 1

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

// linux/kvm.h, which musl's headers don't bring.
#define KVM_API_VERSION 12
#define KVM_GET_API_VERSION _IO(0xAE, 0x00)
#define KVM_CREATE_VM _IO(0xAE, 0x01)

static int failed(const char *what) {
  printf("%s: %s\n", what, strerror(errno));
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 2) return 64;
  int kvm = open(argv[1], O_RDWR | O_CLOEXEC);
  if (kvm == -1) return failed("open");
  int version = ioctl(kvm, KVM_GET_API_VERSION, 0);
  if (version == -1) return failed("KVM_GET_API_VERSION");
  if (version != KVM_API_VERSION) {
    printf("KVM_GET_API_VERSION: %d, not %d\n", version, KVM_API_VERSION);
    return 1;
  }
  if (ioctl(kvm, KVM_CREATE_VM, 0) == -1) return failed("KVM_CREATE_VM");
  return 0;
}
