import { statSync } from "node:fs";
import { join } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { SurveyDeps } from "./survey-tar.ts";
import { refused, type Source } from "./source.ts";

const mib = 1024 * 1024;
/** What `qemu-img` may take: a header that lies about its tables costs no more. */
const limits = ["prlimit", "--as=2147483648", "--"];
const watchMs = 100;
/** Bits of the incompatible features (QEMU's docs/interop/qcow2.txt). */
const corrupt = 1n << 1n;
const externalData = 1n << 2n;
const known = 0b1_1111n;

/** Makes a raw disk of a qcow2 one that stands alone, in `scratch`; what a guest would see may take `limitMib`. */
export async function rawOfQcow2(
  source: Source,
  limitMib: number,
  scratch: string,
  { run, signal }: SurveyDeps,
): Promise<string> {
  mustStandAlone(source);
  const raw = join(scratch, "disk.raw");
  // Its format and that nothing lies behind it are said here: QEMU neither probes it nor opens what it names.
  const opened = `json:${JSON.stringify({ driver: "qcow2", file: { driver: "file", filename: source.path }, backing: null })}`;
  await mustBeWhole(source, opened, { run, signal });
  const full = new AbortController();
  const watch = setInterval(() => {
    const blocks = statSync(raw, { throwIfNoEntry: false })?.blocks ?? 0;
    if (blocks * 512 > limitMib * mib) full.abort();
  }, watchMs);
  try {
    const args = ["convert", "-q", "-O", "raw", opened, raw];
    await run({ file: "qemu-img", args, on: raw, within: limits, signal: AbortSignal.any([signal, full.signal]) });
  } catch (cause) {
    signal.throwIfAborted();
    if (full.signal.aborted) {
      throw new BangerError("bad_params", `size_mib: the disk holds more than ${limitMib} MiB; give --size`, {
        cause,
        details: { field: "size_mib" },
      });
    }
    throw unreadable(source, cause);
  } finally {
    clearInterval(watch);
  }
  return raw;
}

/** QEMU reads zeros where a disk was cut off: that its clusters are there is asked before. A leak (exit code 3) is no harm. */
async function mustBeWhole(source: Source, opened: string, { run, signal }: SurveyDeps): Promise<void> {
  const args = ["check", "-q", opened];
  await run({ file: "qemu-img", args, on: source.path, within: limits, alsoWell: [3], signal }).catch(
    (cause: unknown) => {
      signal.throwIfAborted();
      if (cause instanceof BangerError && /exceeding the end of the file/.test(String(cause.details?.["stderr"])))
        throw refused(source.path, "is truncated: its last clusters are missing; copy or download it again", cause);
      throw unreadable(source, cause);
    },
  );
}

/** Of a damaged table or cluster QEMU says "Input/output error" as of a damaged host: what it was reading is the file's. */
function unreadable({ path }: Source, cause: unknown): unknown {
  if (!(cause instanceof BangerError)) return cause;
  const reading = cause.code === "host_failed" && /error while reading/.test(String(cause.details?.["stderr"]));
  if (cause.code !== "command_failed" && !reading) return cause;
  return refused(
    path,
    `can't be read as a qcow2 disk: ${cause.plain}; \`qemu-img check\` tells what is wrong with it`,
    cause,
  );
}

function mustStandAlone({ path, head }: Source): void {
  if (head.length < 104) throw refused(path, "is truncated: its qcow2 header is not whole; copy or download it again");
  const version = head.readUInt32BE(4);
  if (version !== 2 && version !== 3)
    throw refused(
      path,
      `is a qcow2 disk of version ${version}, which isn't known; convert it: qemu-img convert -O raw FILE disk.raw`,
    );
  const features = version === 3 ? head.readBigUInt64BE(72) : 0n;
  if (head.readBigUInt64BE(8) !== 0n)
    throw refused(
      path,
      "needs another file behind it (a backing file); make one of both: qemu-img convert -O qcow2 FILE whole.qcow2",
    );
  if ((features & externalData) !== 0n)
    throw refused(path, "has its data in another file; make one of both: qemu-img convert -O qcow2 FILE whole.qcow2");
  if (head.readUInt32BE(32) !== 0)
    throw refused(path, "is encrypted; decrypt it: qemu-img convert with the secret, see qemu-img(1)");
  if ((features & corrupt) !== 0n) throw refused(path, "is marked as corrupt; mend a copy: qemu-img check -r all FILE");
  if ((features & ~known) !== 0n)
    throw refused(
      path,
      "uses features of qcow2 that aren't known here; convert it: qemu-img convert -O raw FILE disk.raw",
    );
  const size = head.readBigUInt64BE(24);
  if (size > 1n << 40n) throw refused(path, `is a disk of ${size} bytes; 1 TiB is the most`);
}
