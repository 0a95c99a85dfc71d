import { isatty } from "node:tty";

/** What whoever sees the result can show. */
export interface Terminal {
  /** Characters of a line. */
  readonly columns: number;
  readonly colour: boolean;
  /** A person watches: it is a terminal. */
  readonly interactive: boolean;
}

/** Of what is no terminal. */
const columnsOfPipe = 120;
/** Of a terminal that doesn't say. */
const columnsOfTerminal = 80;
const mostColumns = 10_000;

/** What a stream can show, as it and the environment say: COLUMNS, NO_COLOR (no-color.org), FORCE_COLOR (as Node has it), TERM. */
export function terminalOf(stream: Pick<NodeJS.WriteStream, "isTTY" | "columns">, env: NodeJS.ProcessEnv): Terminal {
  const interactive = stream.isTTY === true;
  const own = interactive && stream.columns > 0 ? stream.columns : undefined;
  return {
    columns: Math.min(
      numberOf(env["COLUMNS"]) ?? own ?? (interactive ? columnsOfTerminal : columnsOfPipe),
      mostColumns,
    ),
    colour: coloursOf(interactive, env),
    interactive,
  };
}

/** What standard output can show. Node's own stream is made for a terminal only: it would make a pipe non-blocking for all who write to it. */
export function ownTerminal(): Terminal {
  return terminalOf(isatty(1) ? process.stdout : { isTTY: false, columns: 0 }, process.env);
}

function coloursOf(interactive: boolean, env: NodeJS.ProcessEnv): boolean {
  // An empty NO_COLOR says nothing (no-color.org).
  if (env["NO_COLOR"]) return false;
  const forced = env["FORCE_COLOR"];
  if (forced !== undefined) return forced !== "0" && forced !== "false";
  return interactive && env["TERM"] !== "dumb";
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined;
}
