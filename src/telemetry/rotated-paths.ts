/** So many files there are of a log. */
const files = 4;

/** The files of a log that is rotated, the newest first. */
export function rotatedPaths(path: string): string[] {
  return [path, ...Array.from({ length: files - 1 }, (_, index) => `${path}.${index + 1}`)];
}
