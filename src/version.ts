/** This build's version, as `package.json` has it; a test ties the two. */
export const version = "0.1.0";
