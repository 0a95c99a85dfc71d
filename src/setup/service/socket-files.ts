import type { Installation } from "../../installation/install-file.ts";
import { layoutOf } from "../../installation/layout.ts";
import type { SetupDeps } from "../deps.ts";
import { isThere } from "../host/durable-file.ts";

/** A socket at which a service is asked. */
export interface SocketFile {
  readonly path: string;
  readonly there: boolean;
}

/** The sockets' files. One that somebody removed is made by systemd only when its unit is started anew, and its service doesn't run. */
export function socketsOf({ places }: Pick<SetupDeps, "places">, installation: Installation | undefined): SocketFile[] {
  if (installation === undefined) return [];
  const { daemonSocket, helperSocket } = layoutOf(installation);
  // The owner's directory is closed to others, who then can't know.
  return [daemonSocket, helperSocket].map((path) => ({ path, there: isThere(places.at(path), true) }));
}
