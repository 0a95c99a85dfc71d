/** What a method is told as: to begin something is no other operation than that. */
export function operationName(method: string): string {
  return method.replace(/\.begin$/, "");
}
