// Who may import whom: datagram ← telemetry ← rpc ← daemon | helper | cli; archive is a leaf. docs/ARCHITECTURE.md has the picture.
const room = (name) => `^src/${name}/`;

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } } },
    {
      name: "telemetry-is-a-leaf",
      severity: "error",
      from: { path: room("telemetry") },
      to: { path: "^src/", pathNot: room("(telemetry|datagram)") },
    },
    {
      name: "the-datagrams-are-a-leaf",
      severity: "error",
      from: { path: room("datagram") },
      to: { path: "^(src|node_modules)/", pathNot: [room("datagram"), "node_modules/koffi"] },
    },
    {
      name: "only-telemetry-imports-opentelemetry-and-pino",
      severity: "error",
      from: { path: "^src/", pathNot: room("telemetry") },
      to: { path: "node_modules/(@opentelemetry|pino)" },
    },
    {
      name: "the-wire-knows-no-process",
      severity: "error",
      from: { path: [room("rpc"), room("installation")] },
      to: { path: room("(daemon|helper|cli)") },
    },
    {
      name: "the-archive-is-a-leaf",
      severity: "error",
      from: { path: room("archive") },
      to: { path: "^(src|node_modules)/", pathNot: room("archive") },
    },
    {
      name: "the-installation-knows-only-node",
      severity: "error",
      from: { path: room("installation") },
      to: { path: "^(src|node_modules)/", pathNot: room("installation") },
    },
    {
      name: "the-service-is-a-leaf",
      severity: "error",
      from: { path: room("service") },
      to: { path: "^(src|node_modules)/", pathNot: room("(service|datagram)") },
    },
    {
      name: "the-setup-knows-no-process",
      severity: "error",
      from: { path: room("setup") },
      to: { path: room("(daemon|helper|cli)") },
    },
    {
      name: "only-the-cli-sets-up",
      severity: "error",
      from: { path: room("(daemon|helper|rpc|telemetry|installation|service|archive)") },
      to: { path: room("setup") },
    },
    ...["daemon", "helper", "cli"].map((process) => ({
      name: `${process}-imports-no-other-process`,
      severity: "error",
      from: { path: room(process) },
      to: { path: room("(daemon|helper|cli)"), pathNot: room(process) },
    })),
    {
      // Only by its one binding of the C library.
      name: "the-helper-has-no-packages-of-its-own",
      severity: "error",
      from: { path: room("helper"), pathNot: "^src/helper/kernel/libc.ts$" },
      to: { path: "node_modules" },
    },
    { name: "no-unresolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    tsPreCompilationDeps: "specify",
    doNotFollow: { path: "node_modules" },
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "require", "node", "default", "types"] },
  },
};
