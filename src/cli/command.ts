import type { Terminal } from "./output/terminal.ts";
import type { Layout } from "../installation/layout.ts";
import type { CallOptions } from "../rpc/client.ts";
import type { declaredContract } from "../rpc/contract/daemon.ts";
import type { InputOf, ResultOf } from "../rpc/contract/method.ts";
import type { LentTerminal } from "./lent-terminal.ts";
import type { OperationStatus } from "../rpc/contract/operation.ts";
import type { StepEvent } from "../rpc/contract/step.ts";
import type { OpId } from "../telemetry/op-id.ts";
import type { Spans } from "../telemetry/spans.ts";
import { methods } from "./generated/methods.ts";
import type { MethodSpec, ParamValue } from "./method-spec.ts";

type Contract = typeof declaredContract;
/** A method of the daemon, by its key in the contract. */
export type MethodKey = keyof Contract;
/** What a caller of the method sends. */
export type Input<K extends MethodKey> = InputOf<Contract[K]>;
/** What the method answers. */
export type Result<K extends MethodKey> = ResultOf<Contract[K]>;

/** How a command may ask. With `passesSignals`, Ctrl-C and other signals go to what runs there, instead of cancelling; with a promise once that resolves. */
export type CallChoices = Pick<CallOptions, "input" | "onEvent" | "signal" | "opId"> & {
  readonly passesSignals?: boolean | Promise<void>;
  /** Its new sizes go where the signals go. */
  readonly terminal?: LentTerminal | undefined;
  /** Ends it as Ctrl-C does. */
  readonly leave?: AbortSignal;
  /** `watched`: steps are shown only where standard error is a terminal, or with --no-quiet. */
  readonly progress?: "always" | "watched";
};

/** What a command works with. */
export interface CommandContext {
  /** Asks the daemon; steps and progress are shown as they come, Ctrl-C cancels. */
  readonly call: <K extends MethodKey>(key: K, params: Input<K>, options?: CallChoices) => Promise<Result<K>>;
  /** What an operation came to, as the command that asks for its method shows it; false where none does. */
  readonly showResult: (operation: OperationStatus) => Promise<boolean>;
  /** The flags of the command's own that are set (`switches`). */
  readonly switches: ReadonlySet<string>;
  /** From here on Ctrl-C ends only this process's waiting, and says so. */
  readonly onlyLeave: () => void;
  /** Aborts by Ctrl-C; calls that say nothing else are cancelled by it. */
  readonly interrupted: AbortSignal;
  /** The install file's path. */
  readonly config: string;
  /** What a shell calls an end by the signal that came; undefined while none did. */
  readonly interruptCode: number | undefined;
  /** True when the caller is a program: results are JSON. */
  readonly json: boolean;
  /** True when nothing but the result is wanted; lists are then only names. */
  readonly quiet: boolean;
  /** The result: JSON with `--json`, else what `human` makes of it; resolves when it is written. */
  readonly print: <T>(value: T, human: (value: T) => string) => Promise<void>;
  /** Asks the person at the terminal whether to go on; refuses where there is none. */
  readonly ask: (question: string) => Promise<boolean>;
  /** Something for a person who watches; never part of the result. */
  readonly note: (text: string) => void;
  /** Bytes to standard output or error; resolves when they are taken, with false when standard error lost them. */
  readonly write: (stream: "stdout" | "stderr", bytes: Uint8Array) => Promise<boolean>;
  /** Lends the terminal to what runs in a guest; with `raw` all its keys are bytes until it is disposed of. */
  readonly lendTerminal: (wanted: { readonly raw: boolean }) => Promise<LentTerminal>;
  /** Runs a program in the foreground, which gets the terminal and Ctrl-C; resolves with its exit code. `over` ends it. */
  readonly foreground: (file: string, args: readonly string[], over?: AbortSignal) => Promise<number>;
  /** Standard input. */
  readonly stdin: AsyncIterable<Uint8Array>;
  /** What the terminal that shows the result can do. */
  readonly terminal: Terminal;
  /** Where the installation has its files. */
  readonly layout: () => Layout;
  /** The operation; absent for polls. */
  readonly opId: OpId | undefined;
}

/** The arguments behind the positions. */
export interface RestArguments {
  /** For the help; a parameter of this name has no flag. */
  readonly name: string;
  readonly summary: string;
  readonly required: boolean;
}

/** A flag of a command that no parameter of its method is. */
export interface Switch {
  /** As a parameter is named; the flag is the same with `-` for `_`. */
  readonly name: string;
  readonly summary: string;
}

/** What a verb's file declares. Summary and flags come from the method's declaration. */
export interface CommandDeclaration<K extends MethodKey> {
  readonly noun: string;
  readonly verb: string;
  /** Other words for the verb, for fingers that are used to them. */
  readonly aliases?: readonly string[];
  readonly method: K;
  /** The parameters that are given by position, in order. */
  readonly positionals: readonly (keyof Input<K> & string)[];
  /** What takes all that follows the positions, flags too: a command to run. */
  readonly rest?: RestArguments;
  /** True when its one position may be given several times: each is then an operation of its own. */
  readonly several?: boolean;
  /** What is printed with --quiet, when that is more than silence. */
  readonly quiet?: string;
  /** The parameters that the command sets by itself: they have no flag. */
  readonly sets?: readonly (keyof Input<K> & string)[];
  /** The parameters whose values are files of the caller's. */
  readonly files?: readonly (keyof Input<K> & string)[];
  /** Letters for flags. */
  readonly short?: Readonly<Partial<Record<keyof Input<K> & string, string>>>;
  /** Flags of the command's own. One whose method begins has --detach besides. */
  readonly switches?: readonly Switch[];
  /** True where it says something without a daemon too: what it asks then fails. */
  readonly withoutDaemon?: true;
  /** For the help: what a person would wonder about. */
  readonly about?: string;
  readonly examples: readonly string[];
  /** Makes of what was typed what is sent; the same by default. */
  readonly prepare?: (params: Input<K>) => Input<K>;
  /** Shows what came of it, also to whoever comes back to wait for it. */
  readonly show?: (context: CommandContext, result: Result<K>) => Promise<void> | void;
  /** Does it, where that is more than to ask the method and to show the answer; a number is the exit code. */
  readonly run?: (context: CommandContext, params: Input<K>, rest: readonly string[]) => Promise<number | void>;
}

/** What is left to a verb's file: how it is done, or how the answer is shown. */
type Declared<K extends MethodKey> = CommandDeclaration<K> &
  ({ run: NonNullable<CommandDeclaration<K>["run"]> } | { show: NonNullable<CommandDeclaration<K>["show"]> });

/** What a command works with that needs no daemon: it looks at this host itself, or changes it. */
export interface LocalContext
  extends Pick<
    CommandContext,
    "print" | "ask" | "note" | "json" | "quiet" | "layout" | "onlyLeave" | "interruptCode" | "terminal"
  > {
  /** Asks the daemon something all the same: it is connected to when it is first asked. */
  readonly call: <K extends MethodKey>(
    key: K,
    params: Input<K>,
    options?: Pick<CallOptions, "deadlineMs" | "graceMs">,
  ) => Promise<Result<K>>;
  /** Aborts by Ctrl-C: what was begun is undone. */
  readonly signal: AbortSignal;
  /** The install file's path. */
  readonly config: string;
  /** Opens the spans of an operation; absent where it only reads. */
  readonly spans: Spans | undefined;
  readonly opId: OpId | undefined;
  /** Shows a step. */
  readonly tell: (event: StepEvent) => void;
}

/** What such a command declares: its parameters stand here, as no method has them. */
export interface LocalDeclaration extends Pick<Command, "noun" | "verb" | "examples" | "short"> {
  /** The parameters that are given by position, in order. */
  readonly positionals?: readonly string[];
  readonly spec: Omit<MethodSpec, "name" | "begins">;
  readonly run: (context: LocalContext, params: Readonly<Record<string, ParamValue>>) => Promise<number | void>;
}

/** Declares a command that needs no daemon. */
export function localCommand({ spec, run, positionals = [], ...declared }: LocalDeclaration): Command {
  const { noun, verb } = declared;
  return {
    ...declared,
    positionals,
    method: undefined,
    local: { spec: { ...spec, name: `${noun}.${verb}`, begins: false }, run },
    run: () => Promise.reject(new Error(`${noun} ${verb} needs no daemon`)),
  };
}

/** What the command line needs to know of what a command does. */
export function specOf({ method, local }: Pick<Command, "method" | "local">): MethodSpec {
  if (local !== undefined) return local.spec;
  return methods[method as MethodKey];
}

/** A command as the table holds it: what its parameters are, the parser has checked against the method's declaration. */
export interface Command
  extends Omit<
    CommandDeclaration<MethodKey>,
    "method" | "positionals" | "sets" | "files" | "short" | "prepare" | "show" | "run"
  > {
  /** Undefined for what needs no daemon. */
  readonly method: MethodKey | undefined;
  readonly local?: { readonly spec: MethodSpec; readonly run: LocalDeclaration["run"] };
  readonly positionals: readonly string[];
  readonly sets?: readonly string[];
  readonly files?: readonly string[];
  readonly short?: Readonly<Record<string, string>>;
  readonly show?: (context: CommandContext, result: never) => Promise<void> | void;
  readonly run: (context: CommandContext, params: never, rest: readonly string[]) => Promise<number | void>;
}

/** Declares a command. */
export function command<K extends MethodKey>(declaration: Declared<K>): Command {
  const { method, prepare, show } = declaration;
  const run = async (context: CommandContext, params: Input<K>) =>
    show?.(context, await context.call(method, prepare === undefined ? params : prepare(params)));
  return { run, ...declaration } as unknown as Command;
}
