import { closeSync, writeSync } from "node:fs";
import koffi from "koffi";
import { openUnixDatagrams } from "../datagram/unix-datagrams.ts";

/** What became of an entry: `later` where there is no room now, or nobody who listens; `never` for one that can't be sent at all. */
export type Sent = "sent" | "later" | "never";

/** Sends entries to the journal; never waits. */
export interface JournalSocket {
  send(entry: Buffer): Sent;
}

const [EAGAIN, ENOENT, EMSGSIZE, ENOBUFS, ECONNREFUSED] = [11, 2, 90, 105, 111];
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
/** Nothing of the file changes any more, which the journal wants of what it maps (fcntl(2)). */
const allSeals = 0xf;

/** A socket for datagrams to the journal at `path` (systemd, "Native Journal Protocol"). An entry that a datagram has no room for goes as a sealed file. */
export function openJournalSocket(path: string): JournalSocket {
  const datagrams = openUnixDatagrams(path);
  if (datagrams === undefined) throw new Error(`${path} is no socket's name`);
  const library = koffi.load("libc.so.6");
  const memfdCreate = library.func("int memfd_create(const char *name, uint32_t flags)");
  const fcntl = library.func("int fcntl(int fd, int command, ...)");

  function sendAsFile(entry: Buffer): Sent {
    const file = memfdCreate("banger-log", MFD_CLOEXEC | MFD_ALLOW_SEALING) as number;
    if (file === -1) return "never";
    try {
      for (let at = 0; at < entry.length; ) at += writeSync(file, entry, at);
      if (fcntl(file, F_ADD_SEALS, "int", allSeals) === -1) return "never";
      const errno = datagrams?.pass(file);
      if (errno === 0) return "sent";
      return errno === EAGAIN || errno === ENOENT || errno === ECONNREFUSED ? "later" : "never";
    } catch {
      // No memory for it.
      return "never";
    } finally {
      closeSync(file);
    }
  }

  return {
    send: (entry) => {
      const errno = datagrams.send(entry);
      if (errno === 0) return "sent";
      return errno === EMSGSIZE || errno === ENOBUFS ? sendAsFile(entry) : "later";
    },
  };
}
