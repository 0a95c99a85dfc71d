import { BangerError, type ErrorCode } from "../../../rpc/contract/errors.ts";
import { bytesOfText } from "../../../rpc/byte-text.ts";
import { lastName, placeOf } from "../../../rpc/place.ts";
import { printableLine } from "../../../rpc/printable.ts";
import { type CommandContext, command, type Input, type Result } from "../../command.ts";
import { BytePipe } from "../../copy/byte-pipe.ts";
import { pack } from "../../copy/pack.ts";
import { putInPlace, targetOf } from "../../copy/put-in-place.ts";
import { withScratch } from "../../copy/scratch.ts";
import { CopyTally } from "../../copy/tally.ts";
import { unpack } from "../../copy/unpack.ts";
import { size } from "../../output/units.ts";
import { usage } from "../../usage.ts";

type Params = Input<"vmCopy">;

/**
 * `vm cp`: as cp -r does it, with modes, and links as links. A copy is made beside its place and moved there when it is whole.
 * The owner is the caller here, and root or --user in the guest; so bits that set ids are not kept.
 */
export const vmCp = command({
  noun: "vm",
  verb: "cp",
  aliases: ["copy"],
  method: "vmCopy",
  about:
    "Sockets, FIFOs and devices are left out, as rsync and tar leave what they can't copy: each is said, and the exit code is 0.",
  positionals: ["source", "destination"],
  short: { user: "u" },
  examples: [
    "banger vm cp ./site web:/srv",
    "banger vm cp web:/var/log ./logs",
    "banger vm cp web:/etc/hosts -",
    "banger vm cp - web:/etc/motd < motd",
  ],
  run: async (context, params) => {
    const [from, to] = [placeOf(params.source), placeOf(params.destination)];
    if ((from.vm === undefined) === (to.vm === undefined)) {
      const which = from.vm === undefined ? "neither" : "each";
      throw usage(`vm cp: ${which} of source and destination is in a guest, as VM:PATH; one has to be`, "vm cp");
    }
    const tally = new CopyTally();
    const copying = to.vm !== undefined ? copyIn(context, params, tally) : copyOut(context, params, tally);
    await copying.catch((error: unknown) => {
      // What the daemon says names its operation.
      throw error instanceof BangerError && error.opId === undefined ? error.inOperation("vm cp") : error;
    });
    const { files, bytes, skipped, skipped_more } = tally;
    for (const path of skipped) context.note(`! not copied: ${printableLine(path)}`);
    if (skipped_more > 0) context.note(`! not copied: and ${skipped_more} more`);
    if (params.destination === "-") return;
    if (context.json) await context.print({ files, bytes, skipped, skipped_more }, () => "");
    else context.note(`${files} ${files === 1 ? "file" : "files"} copied, ${size(bytes)}`);
  },
});

async function copyIn({ call, stdin }: CommandContext, params: Params, tally: CopyTally): Promise<void> {
  const words = new GuestWords();
  const input = params.source === "-" ? counted(stdin, tally) : await pack(bytesOfText(params.source), tally);
  words.judge(await call("vmCopy", params, { input, onEvent: words.take }), leftThere);
}

async function copyOut(context: CommandContext, params: Params, tally: CopyTally): Promise<void> {
  const words = new GuestWords((path) => tally.skip(`${JSON.stringify(path)} (a socket)`));
  if (params.destination === "-") {
    const onEvent = async (event: string, data: unknown) => {
      if (event === "stdout") await context.write("stdout", Buffer.from(String(data), "base64"));
      else words.take(event, data);
    };
    return words.judge(await context.call("vmCopy", params, { onEvent }), () => "Standard output may have part of it.");
  }
  const name = bytesOfText(lastName(placeOf(params.source).path));
  const target = await targetOf(bytesOfText(params.destination), name);
  await withScratch(target.beside, async (scratch) => {
    const archive = new BytePipe();
    const unpacking = unpack(archive, { scratch, umask: process.umask(), tally });
    // Whoever pushes hears of it.
    unpacking.catch((error: unknown) => archive.fail(error));
    const onEvent = async (event: string, data: unknown) => {
      if (event === "stdout") await archive.push(Buffer.from(String(data), "base64"));
      else words.take(event, data);
    };
    try {
      words.judge(await context.call("vmCopy", params, { onEvent }), () => "Nothing of it was left here.");
      archive.end();
    } catch (error) {
      archive.fail(error);
      throw error;
    } finally {
      await unpacking.catch(() => undefined);
    }
    await unpacking;
    await putInPlace(Buffer.concat([scratch, Buffer.from("/t")]), target);
  });
}

async function* counted(input: AsyncIterable<Uint8Array>, tally: CopyTally): AsyncGenerator<Uint8Array> {
  for await (const piece of input) {
    tally.bytes += piece.length;
    yield piece;
  }
  tally.files = 1;
}

/** The end of a command in the guest, by its exit code. */
const codes: Readonly<Record<number, ErrorCode>> = {
  65: "bad_params",
  66: "not_found",
  73: "already_exists",
  127: "missing_tool",
};
/** Those with which the command ends before anything comes to its place. */
const endsBefore: ReadonlySet<number | null> = new Set([65, 66, 71, 73, 74, 127, 143]);
const endsWithPart = 75;

/** What the guest has of a copy to it that failed. */
function leftThere(exitCode: number | null): string {
  if (endsBefore.has(exitCode)) return "Nothing of it was left there.";
  if (exitCode === endsWithPart) return "What isn't there of it is as it was before; copy it again.";
  return "Part of it may be there, and beside its place a directory `.banger-cp.…`, which can be removed.";
}

const mostWords = 4_096;
/** A file that is written to while it is read is copied as it was. */
const changes = /^tar: .*: file changed as we read it$|^tar: Exiting with failure status/;

/** strerror(ENOSPC), as a program in the C locale ends its line. */
const noSpace = /: No space left on device$/;

/** What tar says of a socket that it leaves out, and goes on; other kinds come, and are left out here. */
const ignored = /^tar: (?:\.\/)?(.*): socket ignored$/;

/** What the guest says of a copy. */
class GuestWords {
  readonly #onSocket: (path: string) => void;
  #text = "";

  constructor(onSocket: (path: string) => void = () => undefined) {
    this.#onSocket = onSocket;
  }

  readonly take = (event: string, data: unknown): void => {
    if (event !== "stderr") return;
    const lines = `${this.#text}${Buffer.from(String(data), "base64").toString("utf8")}`.split("\n");
    const last = lines.pop() ?? "";
    this.#text = [...lines.filter((line) => !this.#isSocket(line)), last].join("\n").slice(-mostWords);
  };

  #isSocket(line: string): boolean {
    const [, path] = ignored.exec(line) ?? [];
    if (path !== undefined) this.#onSocket(path);
    return path !== undefined;
  }

  /** Throws what went wrong in the guest; `left` says what there is of the copy then. */
  judge({ exit_code: exitCode, signal }: Result<"vmCopy">, left: (exitCode: number | null) => string): void {
    const lines = this.#text.split("\n").filter((line) => line !== "");
    if (exitCode === 0 || (exitCode === 1 && lines.length > 0 && lines.every((line) => changes.test(line)))) return;
    const why = printableLine(lines.slice(-3).join(" | "));
    const how = signal === null ? `exit ${exitCode}` : `signal ${signal}`;
    const isFull = lines.some((line) => noSpace.test(line));
    throw new BangerError(
      isFull ? "no_space" : (codes[exitCode ?? -1] ?? "command_failed"),
      `vm cp: in the guest: ${why === "" ? how : why}`,
      { details: { guest_exit_code: exitCode, hint: left(exitCode) } },
    );
  }
}
