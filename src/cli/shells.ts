/** The shells that have a completion. */
export const shells = ["bash", "zsh", "fish"] as const;
