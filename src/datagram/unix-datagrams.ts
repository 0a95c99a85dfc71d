import koffi from "koffi";

/** The way to a unix socket that takes datagrams; Node has none of this kind. Nothing of it waits. */
export interface UnixDatagrams {
  /** Sends bytes; 0, or errno. */
  send(bytes: Buffer): number;
  /** Passes a descriptor on, without bytes; 0, or errno. */
  pass(fd: number): number;
}

const [AF_UNIX, SOCK_DGRAM, SOCK_CLOEXEC] = [1, 2, 0o2000000];
const [MSG_DONTWAIT, MSG_NOSIGNAL] = [0x40, 0x4000];
const [SOL_SOCKET, SCM_RIGHTS] = [1, 1];
/** `struct sockaddr_un` (unix(7)). */
const [familyBytes, pathBytes] = [2, 108];

/** The way to the socket at a path, or of a name without a file, which begins with an @; undefined for what is neither. It is made when something is sent. */
export function openUnixDatagrams(name: string): UnixDatagrams | undefined {
  const address = addressOf(name);
  if (address === undefined) return undefined;
  const library = koffi.load("libc.so.6");
  const message = koffi.struct({
    name: "uint8_t *",
    nameLength: "uint32_t",
    parts: "void *",
    partCount: "size_t",
    control: "uint8_t *",
    controlLength: "size_t",
    flags: "int",
  });
  const socket = library.func("int socket(int family, int type, int protocol)");
  const sendto = library.func(
    "intptr_t sendto(int fd, const uint8_t *bytes, size_t length, int flags, const uint8_t *address, uint32_t size)",
  );
  const sendmsg = library.func("sendmsg", "intptr_t", ["int", koffi.pointer(message), "int"]);
  const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  let fd = -1;
  const isOpen = () => {
    if (fd === -1) fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) as number;
    return fd !== -1;
  };
  const errnoOf = (sent: unknown) => (Number(sent) === -1 ? koffi.errno() : 0);
  return {
    send: (bytes) =>
      isOpen() ? errnoOf(sendto(fd, bytes, bytes.length, flags, address, address.length)) : koffi.errno(),
    pass: (passed) => {
      if (!isOpen()) return koffi.errno();
      const to = { name: address, nameLength: address.length, parts: null, partCount: 0 };
      return errnoOf(sendmsg(fd, { ...to, ...rightsTo(passed), flags: 0 }, flags));
    },
  };
}

/** A path, or a name that begins with an @ here and with a zero for the kernel. */
function addressOf(name: string): Buffer | undefined {
  const path = Buffer.from(name);
  if ((!name.startsWith("/") && !name.startsWith("@")) || path.length < 2 || path.length >= pathBytes) return undefined;
  const address = Buffer.alloc(familyBytes + path.length);
  address.writeUInt16LE(AF_UNIX, 0);
  path.copy(address, familyBytes);
  if (name.startsWith("@")) address[familyBytes] = 0;
  return address;
}

/** A control message that passes one descriptor on (cmsg(3), unix(7)). */
function rightsTo(fd: number): { control: Buffer; controlLength: number } {
  const control = Buffer.alloc(24);
  control.writeBigUInt64LE(20n, 0);
  control.writeInt32LE(SOL_SOCKET, 8);
  control.writeInt32LE(SCM_RIGHTS, 12);
  control.writeInt32LE(fd, 16);
  return { control, controlLength: control.length };
}
