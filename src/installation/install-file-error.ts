/** The text is not a valid install file; the message says which key, why, and what is accepted. */
export class InstallFileError extends Error {
  override readonly name = "InstallFileError";
}
