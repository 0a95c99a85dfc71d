import { z } from "zod";

/** A VM's id: 16 lowercase hex digits. */
export const vmId = z.string().regex(/^[0-9a-f]{16}$/, "must be 16 lowercase hex digits");

/** A volume's id: 16 lowercase hex digits, which its guest sees as the disk's serial number. */
export const volumeId = z.string().regex(/^[0-9a-f]{16}$/, "must be 16 lowercase hex digits");

/** The most volumes that a VM has at a time. */
export const mostVolumes = 8;

/** The SHA-256 of what an image or a kernel is made of, in lowercase hex. */
export const digest = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lowercase hex digits");

/** A name that a person gives: a DNS label (RFC 1123), so that it can be a host name. */
export const name = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,30}[a-z0-9]$|^[a-z]$/,
    "must be 1 to 32 of a-z, 0-9 and -, beginning with a letter, not ending with -",
  );

/** Names a thing by its name, its id or a unique prefix of either. */
export const reference = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, "must be a name, an id or a prefix of one: a-z, 0-9 and -");

const keyPattern = "[a-z0-9](?:[a-z0-9._/-]{0,61}[a-z0-9])?";
const labelValue = "[^\\p{C}]{0,255}";

/** A label that a person gives: `KEY=VALUE`, the key like `team` or `ci/job`. */
export const label = z
  .string()
  .regex(
    new RegExp(`^${keyPattern}=${labelValue}$`, "u"),
    "must be KEY=VALUE: the key 1 to 63 of a-z, 0-9, ., _, - and /, the value at most 255 characters",
  );

/** The key of a label. */
export const labelKey = z
  .string()
  .regex(new RegExp(`^${keyPattern}$`, "u"), "must be a label's key: 1 to 63 of a-z, 0-9, ., _, - and /");

/** What labels are asked for by: `KEY=VALUE`, or `KEY` for any value. */
export const labelFilter = z
  .string()
  .regex(new RegExp(`^${keyPattern}(?:=${labelValue})?$`, "u"), "must be KEY or KEY=VALUE");

/** An absolute path on the host. */
export const path = z
  .string()
  .max(4096)
  .regex(/^\/[^\0]*$/, "must be an absolute path");

/** A whole number of something, whose refusal says what is accepted. */
export function amount(least: number, most: number, unit = "") {
  const error = `must be a whole number${unit === "" ? "" : ` of ${unit}`} from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
}

/** An instant, ISO 8601 in UTC. */
export const timestamp = z.iso.datetime();

/** A unicast MAC address that is locally administered, lowercase. */
export const mac = z.string().regex(/^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/, "must be a locally administered MAC address");

/** A terminal's columns and rows, `80x24`. */
export const terminalSize = z
  .string()
  .regex(/^[1-9]\d{0,3}x[1-9]\d{0,3}$/, "must be columns and rows from 1 to 9999, like 80x24");

/** A dotted IPv4 address. */
export const ipv4 = z.ipv4();

/** An operation's id, or a unique prefix of its digits (at least 4), or `last`. */
export const operation = z
  .string()
  .regex(/^(last|(op-)?[0-9a-f]{4,32})$/, "must be `last`, an op_id or at least 4 digits of one");
