import { expect, it } from "vitest";
import { takeListenFd } from "../../../src/service/listen-fds.ts";

const two = { LISTEN_PID: "7", LISTEN_FDS: "2", LISTEN_FDNAMES: "other:bangerd" };

it.each([
  ["nobody listens for it", {}, undefined],
  ["one socket", { LISTEN_PID: "7", LISTEN_FDS: "1" }, 3],
  ["one socket of another name", { LISTEN_PID: "7", LISTEN_FDS: "1", LISTEN_FDNAMES: "bangerd.socket" }, 3],
  ["the one of its name", two, 4],
  ["what was meant for another process", { ...two, LISTEN_PID: "8" }, undefined],
  ["no pid", { LISTEN_FDS: "1" }, undefined],
  ["no sockets", { LISTEN_PID: "7", LISTEN_FDS: "0" }, undefined],
  ["nonsense", { LISTEN_PID: "7", LISTEN_FDS: "-1" }, undefined],
])("%s", (_, env, fd) => {
  const left: NodeJS.ProcessEnv = { HOME: "/", ...env };
  expect(takeListenFd(left, "bangerd", 7)).toBe(fd);
  expect(left).toEqual({ HOME: "/" });
});

it.each([
  ["two without its name", { LISTEN_PID: "7", LISTEN_FDS: "2", LISTEN_FDNAMES: "a:b" }],
  ["a name without a socket", { LISTEN_PID: "7", LISTEN_FDS: "2", LISTEN_FDNAMES: "a:b:bangerd" }],
])("is an error: %s", (_, env) => {
  expect(() => takeListenFd(env, "bangerd", 7)).toThrow(/FileDescriptorName=bangerd/);
});
