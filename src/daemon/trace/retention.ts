/** What of a remembered operation says how long it is kept. */
export interface Remembered {
  readonly trace_id: string;
  /** `other` for what changes nothing. */
  readonly kind: string;
  /** `running` until its end is recorded; null where nobody records one. */
  readonly outcome: string | null;
  readonly status: string;
}

interface Share {
  readonly operations: number;
  readonly bytes: number;
}

const mib = 1024 * 1024;

/** How much is kept of each kind, newest first, so that a failure or a change outlives any number of questions. */
export const shares = {
  failure: { operations: 200, bytes: 8 * mib },
  mutation: { operations: 200, bytes: 8 * mib },
  other: { operations: 100, bytes: 2 * mib },
} as const satisfies Record<string, Share>;

/** The operations to forget, of all that there are, newest first. `bytesOf` says how much the spans of one take. */
export function toForget(operations: readonly Remembered[], bytesOf: (traceId: string) => number): string[] {
  const kept = {
    failure: { operations: 0, bytes: 0 },
    mutation: { operations: 0, bytes: 0 },
    other: { operations: 0, bytes: 0 },
  };
  return operations
    .filter((operation) => {
      // What runs is still written to, and is what a client follows.
      if (operation.outcome === "running") return false;
      const share = shareOf(operation);
      const used = kept[share];
      used.operations++;
      used.bytes += bytesOf(operation.trace_id);
      // The newest of a kind stays, however large.
      return used.operations > 1 && (used.operations > shares[share].operations || used.bytes > shares[share].bytes);
    })
    .map((operation) => operation.trace_id);
}

function shareOf({ kind, outcome, status }: Remembered): keyof typeof shares {
  if (status === "error" || outcome === "failed") return "failure";
  return kind === "other" ? "other" : "mutation";
}
