import type { ParamSpec } from "../method-spec.ts";

/** Of what changes this host: only to look. */
export const dryRun: ParamSpec = {
  name: "dry_run",
  type: "boolean",
  many: false,
  required: false,
  summary: "say what would be done, and do nothing",
};

/** Of what starts the services. */
export const readyWithin: ParamSpec = {
  name: "ready_s",
  type: "integer",
  many: false,
  required: false,
  default: 30,
  minimum: 1,
  maximum: 600,
  summary: "how long the services have to answer",
};
