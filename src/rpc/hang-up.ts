import type { Socket } from "node:net";
import koffi from "koffi";

const POLLERR = 8;
const POLLHUP = 16;

/** True where a socket's peer is gone, asked of the kernel (poll(2)): whoever doesn't read at the moment hears no end. */
export function createHungUp(): (socket: Socket) => boolean {
  const poll = koffi.load("libc.so.6").func("int poll(_Inout_ uint8_t *fds, unsigned long count, int timeout)");
  return (socket) => {
    const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd;
    if (fd === undefined || fd < 0) return false;
    const asked = Buffer.alloc(8);
    asked.writeInt32LE(fd, 0);
    return poll(asked, 1, 0) === 1 && (asked.readInt16LE(6) & (POLLHUP | POLLERR)) !== 0;
  };
}
