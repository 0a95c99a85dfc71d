import { openUnixDatagrams } from "../datagram/unix-datagrams.ts";

/** Sends to a service manager's socket; false where that takes nothing now. Never waits. */
export type SendNotice = (text: string) => boolean;

/** The way to the socket that a service manager named (sd_notify(3)); undefined for a name that is none. */
export function openNotifySocket(name: string): SendNotice | undefined {
  const datagrams = openUnixDatagrams(name);
  return datagrams === undefined ? undefined : (text) => datagrams.send(Buffer.from(text)) === 0;
}
