import { BangerError, type ErrorCode } from "../../../rpc/contract/errors.ts";
import { bytesOfText } from "../../../rpc/byte-text.ts";
import { lastName, placeOf } from "../../../rpc/place.ts";
import { printableLine } from "../../../rpc/printable.ts";
import { type CommandContext, command, type Input, type Result } from "../../command.ts";
import { BytePipe } from "../../copy/byte-pipe.ts";
import { type CopyTally, pack } from "../../copy/pack.ts";
import { putInPlace, targetOf } from "../../copy/put-in-place.ts";
import { withScratch } from "../../copy/scratch.ts";
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
    const tally: CopyTally = { files: 0, bytes: 0, skipped: [] };
    if (to.vm !== undefined) await copyIn(context, params, tally);
    else await copyOut(context, params, tally);
    for (const path of tally.skipped) context.note(`! not copied: ${printableLine(path)}`);
    if (params.destination === "-") return;
    if (context.json) await context.print({ ...tally }, () => "");
    else context.note(`${tally.files} ${tally.files === 1 ? "file" : "files"} copied, ${size(tally.bytes)}`);
  },
});

async function copyIn({ call, stdin }: CommandContext, params: Params, tally: CopyTally): Promise<void> {
  const words = new GuestWords();
  const input = params.source === "-" ? counted(stdin, tally) : pack(bytesOfText(params.source), tally);
  words.judge(await call("vmCopy", params, { input, onEvent: words.take }));
}

async function copyOut(context: CommandContext, params: Params, tally: CopyTally): Promise<void> {
  const words = new GuestWords();
  if (params.destination === "-") {
    const onEvent = async (event: string, data: unknown) => {
      if (event === "stdout") await context.write("stdout", Buffer.from(String(data), "base64"));
      else words.take(event, data);
    };
    return words.judge(await context.call("vmCopy", params, { onEvent }));
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
      words.judge(await context.call("vmCopy", params, { onEvent }));
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
const mostWords = 4_096;
/** A file that is written to while it is read is copied as it was. */
const changes = /^tar: .*: file changed as we read it$|^tar: Exiting with failure status/;

/** What the guest says of a copy. */
class GuestWords {
  #text = "";

  readonly take = (event: string, data: unknown): void => {
    if (event === "stderr")
      this.#text = `${this.#text}${Buffer.from(String(data), "base64").toString("utf8")}`.slice(-mostWords);
  };

  /** Throws what went wrong in the guest. */
  judge({ exit_code: exitCode, signal }: Result<"vmCopy">): void {
    const lines = this.#text.split("\n").filter((line) => line !== "");
    if (exitCode === 0 || (exitCode === 1 && lines.length > 0 && lines.every((line) => changes.test(line)))) return;
    const why = printableLine(lines.slice(-3).join(" | "));
    const how = signal === null ? `exit ${exitCode}` : `signal ${signal}`;
    throw new BangerError(codes[exitCode ?? -1] ?? "command_failed", `vm cp: in the guest: ${why === "" ? how : why}`, {
      details: { guest_exit_code: exitCode, hint: "What was begun there is removed." },
    });
  }
}
