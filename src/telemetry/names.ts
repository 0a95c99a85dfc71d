/** The service names of banger's processes, as `service.name` has them. */
export const services = { cli: "banger", daemon: "bangerd", helper: "bangerd-root", guest: "guest" } as const;

/** Every attribute that a span may carry. Standard names are OpenTelemetry's semantic conventions; the rest is `banger.*`. */
export const attribute = {
  rpcSystem: "rpc.system.name",
  rpcMethod: "rpc.method",
  errorType: "error.type",
  httpMethod: "http.request.method",
  httpStatus: "http.response.status_code",
  urlPath: "url.path",
  exitCode: "process.exit.code",
  executable: "process.executable.name",
  interfaceName: "network.interface.name",
  opId: "banger.op_id",
  command: "banger.command",
  vmId: "banger.vm.id",
  vmName: "banger.vm.name",
  vmm: "banger.vmm",
  table: "banger.nft.table",
  device: "banger.device",
  file: "file.path",
  serverAddress: "server.address",
  serverPort: "server.port",
  unit: "banger.systemd.unit",
  step: "banger.step",
  phase: "banger.step.phase",
  imageId: "banger.image.id",
  kernelId: "banger.kernel.id",
  outlivesParent: "banger.outlives_parent",
  clockUncertainty: "banger.clock.uncertainty_ms",
} as const;

const names = new Set<string>(Object.values(attribute));

/** True for a declared attribute; what a peer sends beyond them is dropped. */
export function isDeclaredAttribute(name: string): boolean {
  return names.has(name);
}
