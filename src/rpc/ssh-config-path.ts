/** A path as ssh_config(5) takes it: blanks separate, `%` begins a token, and ~ or $ would be looked up. */
export function sshConfigPath(path: string): string {
  return `"${path.replaceAll("%", "%%").replaceAll(/["\\]/g, "\\$&")}"`;
}
