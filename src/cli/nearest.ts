import { nearestOf } from "../installation/nearest.ts";

/** `; did you mean …?` when one of the candidates is close to what was typed. */
export function nearest(text: string, candidates: Iterable<string>, show = (candidate: string) => candidate): string {
  const best = nearestOf(text, candidates);
  return best === undefined ? "" : `; did you mean ${show(best)}?`;
}
