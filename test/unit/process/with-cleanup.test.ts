import { expect, it } from "vitest";
import { withCleanup } from "../../../src/daemon/process/with-cleanup.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";

const failing = (error: Error) => () => Promise.reject(error);
const fine = () => Promise.resolve();

it.each([
  ["neither fails", () => Promise.resolve(1), fine, undefined],
  ["the work fails", failing(new Error("cause")), fine, "cause"],
  ["the cleanup fails", () => Promise.resolve(1), failing(new Error("rm")), "rm"],
  ["both fail", failing(new Error("cause")), failing(new Error("rm")), "cause; left behind: rm"],
])("when %s, that is what comes of it", async (_, work, cleanup, message) => {
  const ended = await withCleanup<number>(work, cleanup).catch((error: Error) => error.message);
  expect(ended).toBe(message ?? 1);
});

it("a cleanup that fails changes neither the code of the cause nor its details", async () => {
  const cause = new BangerError("no_space", "tar exited with 2", { details: { stderr: "full" } });
  const ended = withCleanup(failing(cause), failing(new BangerError("command_failed", "rm exited with 1")));
  await expect(ended).rejects.toMatchObject({
    code: "no_space",
    plain: "tar exited with 2; left behind: rm exited with 1",
    details: { stderr: "full", left_behind: "rm exited with 1" },
  });
});
