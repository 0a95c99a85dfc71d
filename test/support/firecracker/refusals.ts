/** An answer that refuses, with Firecracker's own words. */
export class Refusal extends Error {
  readonly status: number;

  constructor(words: string, status = 400) {
    super(words);
    this.status = status;
  }
}

/** What Firecracker says of what it refuses (v1.16.1). */
export const words = {
  unknown: (method: string, path: string) =>
    `Invalid request method and/or path: ${method} ${path.split("/")[1] ?? ""}.`,
  badBody: (why: string) => `An error occurred when deserializing the json body of a request: ${why}.`,
  idsDiffer: "The id from the path does not match the id from the body!",
  badId: "API Resource IDs can only contain alphanumeric characters and underscores.",
  afterStart: "The requested operation is not supported after starting the microVM.",
  beforeStart: "The requested operation is not supported before starting the microVM.",
  noKernel: "Start microvm error: Cannot start microvm without kernel configuration.",
  kernelPath: (why: string) => `Boot source error: The kernel file cannot be opened: ${why}`,
  initrdPath: (why: string) =>
    `Boot source error: The initrd file cannot be opened due to invalid path or invalid permissions. ${why}`,
  drivePath: (why: string, path: string) =>
    `Drive config error: Unable to create the virtio block device: Virtio backend error: Error manipulating the backing file: ${why} ${path}`,
  driveUnknown:
    "Drive config error: Unable to patch the block device: Device not found Please verify the request arguments.",
  metricsTwice:
    "Metrics error: Cannot initialize the metrics system due to bad user input: Reinitialization of metrics not allowed.",
  metricsPath: (why: string) => `Metrics error: Cannot initialize the metrics system due to bad user input: ${why}`,
  vsockPath: (why: string) =>
    `Vsock config error: Cannot create backend for vsock device: Error binding to the host-side Unix socket: ${why}`,
  snapshotPath: (why: string) => `Create snapshot error: Cannot perform open on the memory backing file: ${why}`,
} as const;

/** What the host's refusal is called by Rust. */
export function osError(error: unknown): string {
  const { code, errno = 0 } = error as NodeJS.ErrnoException;
  const names: Readonly<Record<string, string>> = {
    ENOENT: "No such file or directory",
    EACCES: "Permission denied",
    EADDRINUSE: "Address in use",
    ENOSPC: "No space left on device",
  };
  return `${names[code ?? ""] ?? String(code)} (os error ${-errno})`;
}
