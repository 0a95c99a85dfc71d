import type { ProcessFacts } from "../files/facts.ts";
import type { RecorderCommand } from "./recorder.ts";

/** What is started: a VM's recorder, which starts its VMM. */
export interface Launched {
  readonly vmId: string;
  readonly command: RecorderCommand;
  /** What the recorder, its VMM and their loggers may take together, where something counts that. */
  readonly memoryBytes: number;
  readonly tasks: number;
  /** Devices that the VMM opens, beside those that every process may. */
  readonly devices: readonly string[];
  /** It makes nodes of them too. */
  readonly makesNodes: boolean;
}

/** A recorder that was started. */
export interface Recorder {
  /** Undefined when it had ended before anybody looked. */
  readonly process: ProcessFacts | undefined;
  /** It ends after its VMM, when its last words are written. */
  hasEnded(): boolean;
  /** Why it couldn't be run at all. */
  failure(): string | undefined;
}

/** Starts a recorder; once it returns, the descriptors that it was given may be closed. */
export type Launch = (launched: Launched) => Promise<Recorder>;
