/** Where something is that is copied: in a VM's guest, or (without `vm`) here. */
export interface Place {
  readonly vm?: string;
  readonly path: string;
}

/** A place as a person writes it: `web:/etc/hosts` is in a guest; what has no colon before its first slash is here. */
export function placeOf(text: string): Place {
  const colon = text.indexOf(":");
  const slash = text.indexOf("/");
  if (colon < 1 || (slash !== -1 && slash < colon)) return { path: text };
  return { vm: text.slice(0, colon), path: text.slice(colon + 1) };
}

/** The last name of a path; empty where it ends in none of its own, as `/`, `.` and `..` do. */
export function lastName(path: string): string {
  const name = path.replace(/\/+$/, "").split("/").at(-1) ?? "";
  return name === "." || name === ".." ? "" : name;
}
