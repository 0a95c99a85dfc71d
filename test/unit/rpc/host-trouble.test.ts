import { expect, it } from "vitest";
import { hostTroubleOf } from "../../../src/rpc/host-trouble.ts";

const failure = (code: string, more: object = {}) => Object.assign(new Error(`${code}: said`), { code, ...more });

it.each([
  [failure("ENOSPC", { path: "/s/f" }), "no_space", "/s/f can't be written: the disk is full, of blocks or of inodes"],
  [failure("EDQUOT", { path: "/s/f" }), "no_space", "/s/f can't be written: the owner's quota is used up"],
  [
    failure("Unknown system error -122", { errno: -122, path: "/s/f" }),
    "no_space",
    "/s/f can't be written: the owner's quota is used up",
  ],
  [failure("EROFS", { path: "/s/f" }), "host_failed", "/s/f: the file system is mounted read-only"],
  [failure("EMFILE", { syscall: "open" }), "host_failed", "open: the process has no descriptor left"],
  [failure("EAGAIN", { syscall: "spawn tar" }), "host_failed", "the program tar: the limit of processes is reached"],
  [failure("ENOMEM", { syscall: "spawn tar" }), "host_failed", "the program tar: the host has no memory left"],
  [new RangeError("Array buffer allocation failed"), "host_failed", "the host has no memory left"],
  [failure("ERR_MEMORY_ALLOCATION_FAILED"), "host_failed", "the host has no memory left"],
  [failure("ERR_SQLITE_ERROR", { errcode: 7 }), "host_failed", "the host has no memory left"],
  [failure("EXDEV", { path: "/s/f" }), "host_failed", "/s/f: it leads to another file system"],
  [
    new AggregateError([failure("EROFS", { path: "/s/f" }), new Error("it stays")]),
    "host_failed",
    "writable (EROFS); left behind: it stays",
  ],
])("%s is %s", (error, code, says) => {
  expect(hostTroubleOf(error)).toMatchObject({ code, plain: expect.stringContaining(says) as string });
});

it.each([
  failure("EAGAIN", { syscall: "read" }),
  failure("ENOENT"),
  new Error("a bug"),
  new RangeError("Invalid array length"),
  failure("ERR_SQLITE_ERROR", { errcode: 19 }),
  AbortSignal.abort().reason,
  "text",
  undefined,
])("%s may be a bug", (error) => {
  expect(hostTroubleOf(error)).toBeUndefined();
});
