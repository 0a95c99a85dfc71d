import { open } from "node:fs/promises";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Run } from "../process/run.ts";
import { fileBytes, streamBytes } from "../../archive/byte-source.ts";
import { type Decompressor, decompression, headBytes, recognise } from "./recognise.ts";
import { refused, type Source } from "./source.ts";
import { type ByteSource, readTar, type TarEnd } from "../../archive/tar-reader.ts";
import { type TarFacts, TarSurvey } from "./tar-survey.ts";

/** What looking at an archive needs. */
export interface SurveyDeps {
  readonly run: Run;
  readonly signal: AbortSignal;
}

const mib = 1024 * 1024;
/** So much more than fits is counted, so that it can be said how much would fit; what unpacks to more than that is left at once. */
const countedBeyond = 4_096 * mib;

/** Of fewer bytes it can't be said what they are, while there may be more. */
const shortest = 2_048;

/** Reads an archive from its begin to its end before any of it is unpacked; `program` is what unpacks its compression. */
export async function surveyTar(
  source: Source,
  program: Decompressor | undefined,
  limitMib: number,
  deps: SurveyDeps,
): Promise<TarFacts> {
  const { path } = source;
  const survey = new TarSurvey(path);
  const read = (bytes: ByteSource) =>
    readTar(heeding(deps.signal, bytes), (member) => {
      survey.take(member);
      if (survey.bytes > limitMib * mib + countedBeyond)
        throw tooLarge(`more than ${Math.ceil(survey.bytes / mib)}`, limitMib);
    });
  const end = program === undefined ? await ofFile(path, read) : await ofProgram(path, program, read, deps);
  if (end === "truncated")
    throw refused(path, "is truncated: the archive ends in the middle; copy or download it again");
  if (end === "no header")
    throw refused(path, "is damaged: where a member's header should be is none; copy or download it again");
  const facts = survey.facts(end === "joined");
  if (survey.bytes > limitMib * mib) throw tooLarge(String(enoughMib(survey.bytes)), limitMib);
  return facts;
}

/** The same bytes, until the operation is cancelled: an archive needn't have a member for that. */
function heeding(signal: AbortSignal, bytes: ByteSource): ByteSource {
  const read = (length: number) => {
    signal.throwIfAborted();
    return bytes.read(length);
  };
  return { read, skip: (length) => bytes.skip(length) };
}

/** MiB of a file system that files of so many bytes fit in. */
function enoughMib(bytes: number): number {
  return Math.ceil((bytes * 1.25) / mib) + 64;
}

function tooLarge(needed: string, limitMib: number): BangerError {
  return new BangerError(
    "bad_params",
    `size_mib: ${limitMib} MiB are too few for these files, they need ${needed}; give --size`,
    {
      details: { field: "size_mib" },
    },
  );
}

async function ofFile(path: string, read: (bytes: ByteSource) => Promise<TarEnd>): Promise<TarEnd> {
  const file = await open(path, "r");
  try {
    return await read(await fileBytes(file));
  } finally {
    await file.close();
  }
}

async function ofProgram(
  path: string,
  program: Decompressor,
  read: (bytes: ByteSource) => Promise<TarEnd>,
  { run, signal }: SurveyDeps,
): Promise<TarEnd> {
  let end: TarEnd = "truncated";
  let head: Buffer = Buffer.alloc(0);
  const readStdout = async (chunks: AsyncIterable<Buffer>) => {
    async function* seen() {
      for await (const chunk of chunks) {
        if (head.length < headBytes) head = Buffer.concat([head, chunk]);
        yield chunk;
      }
    }
    const all = seen();
    end = await read(streamBytes(all));
    if (head.length >= shortest && recognise(head).kind !== "tar") throw notAnArchive(path, program, head);
    // To the end, though the archive may have ended before: the program tells then whether all was there.
    while ((await all.next()).done !== true);
  };
  const [file, ...options] = decompression(program);
  await run({ file, args: [...options, "-dc"], stdinFrom: path, readStdout, signal }).catch((cause: unknown) => {
    if (!(cause instanceof BangerError) || cause.code !== "command_failed") throw cause;
    throw refused(path, whyNot(program, String(cause.details?.["stderr"])), cause);
  });
  if (recognise(head).kind !== "tar") throw notAnArchive(path, program, head);
  return end;
}

function notAnArchive(path: string, program: Decompressor, head: Buffer): BangerError {
  const { kind, ...rest } = { what: undefined, ...recognise(head) };
  const what =
    { ext: "an ext4 file system", qcow2: "a qcow2 disk", partitioned: "a disk", compressed: "compressed once more" }[
      kind as "ext"
    ] ?? rest.what;
  const named = what === undefined ? "no tar archive" : what;
  return refused(path, `holds, unpacked, ${named}; unpack it first: ${program} -dc FILE >UNPACKED, and import that`);
}

/** What a program's last words mean: each has its own for a file that ends early. */
function whyNot(program: Decompressor, said: string): string {
  if (
    /unexpected end|premature|Unfinished stream|ends unexpectedly|Read error \/ |truncated|decompress.*incomplete/i.test(
      said,
    )
  ) {
    return "is truncated: its compressed data end in the middle; copy or download it again";
  }
  const last = said.split(/[\r\n]/).findLast((line) => line.trim() !== "") ?? "";
  return `is damaged, or has something behind the end of its ${program} data (${last.trim().slice(0, 200)}); copy or download it again`;
}
