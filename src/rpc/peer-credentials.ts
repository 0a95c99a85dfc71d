import type { Socket } from "node:net";
import koffi from "koffi";

/** Who is at the other end of a unix socket, as the kernel saw it at connect. */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;

/** Asks the kernel for a socket's peer (`SO_PEERCRED`, unix(7)), which Node itself doesn't offer. Undefined when the socket is gone. */
export function createPeerCredentials(): (socket: Socket) => PeerCredentials | undefined {
  const getsockopt = koffi
    .load("libc.so.6")
    .func("int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)");
  return (socket) => {
    const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd;
    if (fd === undefined || fd < 0) return undefined;
    const value = Buffer.alloc(12);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, [12]) !== 0) return undefined;
    return { pid: value.readInt32LE(0), uid: value.readUInt32LE(4), gid: value.readUInt32LE(8) };
  };
}
