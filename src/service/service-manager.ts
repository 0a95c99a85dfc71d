import { openNotifySocket, type SendNotice } from "./notify-socket.ts";

/** What a process tells the one that manages it; where nobody does, nothing is said. */
export interface ServiceManager {
  /** It serves. From now on the watchdog, where one is asked for, is told so by the event loop. */
  ready(status: string): void;
  /** What it does, in a line for `systemctl status`. */
  status(text: string): void;
  /** It is about to end. */
  stopping(status: string): void;
}

/** What hasn't arrived is sent again so often. */
const againMs = 100;

/** The manager that the environment names. The names are taken out of it: no program that this one runs may speak for it. */
export function takeServiceManager(
  env: NodeJS.ProcessEnv,
  open: (name: string) => SendNotice | undefined = openNotifySocket,
  pid = process.pid,
): ServiceManager {
  const { NOTIFY_SOCKET: name, WATCHDOG_USEC: usec = "", WATCHDOG_PID: watched = String(pid) } = env;
  for (const variable of ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]) delete env[variable];
  const send = name === undefined ? undefined : open(name);
  if (send === undefined) return { ready: () => undefined, status: () => undefined, stopping: () => undefined };
  const tell = teller(send);
  const everyMs = /^\d{4,12}$/.test(usec) && watched === String(pid) ? Number(usec) / 2_000 : undefined;
  return {
    ready: (status) => {
      tell(`READY=1\n${statusLine(status)}`);
      // A beat that is lost is made up for by the next, well within the time.
      if (everyMs !== undefined) setInterval(() => send("WATCHDOG=1"), everyMs).unref();
    },
    status: (text) => tell(statusLine(text)),
    stopping: (status) => tell(`STOPPING=1\n${statusLine(status)}`),
  };
}

/** Says what has to arrive: again until it does, and in order. */
function teller(send: SendNotice): (text: string) => void {
  const waiting: string[] = [];
  const flush = () => {
    while (waiting[0] !== undefined && send(waiting[0])) waiting.shift();
    if (waiting.length > 0) setTimeout(flush, againMs).unref();
  };
  return (text) => {
    waiting.push(text);
    if (waiting.length === 1) flush();
  };
}

function statusLine(text: string): string {
  return `STATUS=${text.replaceAll("\n", " ")}`;
}
