// Becomes another program, for which a system call isn't there, as under an older kernel.
//   node without-syscall.ts NUMBER PROGRAM ARGUMENTS...
import koffi from "koffi";

const [number = "", program = "", ...rest] = process.argv.slice(2);
const [PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER] = [22, 38, 2];
const [ENOSYS, refuse, allow] = [38, 0x0005_0000, 0x7fff_0000];
const [loadWord, jumpEqual, answer] = [0x20, 0x15, 0x06];

/** One instruction of a seccomp filter (linux/filter.h). */
function instruction(code: number, ifFalse: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(ifFalse, 3);
  bytes.writeUInt32LE(value, 4);
  return bytes;
}

const filter = Buffer.concat([
  instruction(loadWord, 0, 0),
  instruction(jumpEqual, 1, Number(number)),
  instruction(answer, 0, refuse | ENOSYS),
  instruction(answer, 0, allow),
]);
koffi.struct("sock_fprog", { len: "uint16_t", filter: "uint8_t *" });
const libc = koffi.load("libc.so.6");
const prctl = libc.func("int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)");
const setFilter = libc.func("int prctl(int option, unsigned long mode, sock_fprog *program)");
if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) !== 0) throw new Error("PR_SET_NO_NEW_PRIVS");
if (setFilter(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, { len: filter.length / 8, filter }) !== 0) {
  throw new Error(`PR_SET_SECCOMP: ${koffi.errno()}`);
}
process.execve?.(program, [program, ...rest], process.env as Record<string, string>);
