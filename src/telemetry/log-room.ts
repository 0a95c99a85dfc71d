/** The log in files stops where less than this is free, in bytes: on a full disk the last blocks are the store's. */
export const logRoomBytes = 8 * 1024 * 1024;
