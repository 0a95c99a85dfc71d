/** Where Firecracker and its jailer are looked for, the first that is there: by whoever runs them, and by whoever asks only where there is one. */
export const firecrackerPlaces = {
  firecracker: ["/usr/bin/firecracker", "/usr/local/bin/firecracker"],
  jailer: ["/usr/bin/jailer", "/usr/local/bin/jailer"],
} as const;
