import { expect, it } from "vitest";
import { undoneFor } from "../../../src/helper/undo.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";

const cause = new BangerError("no_space", "no room for the tap");

it("what failed half-way is told as it failed, once it is undone", async () => {
  let undone = false;
  await expect(undoneFor(cause, async () => void (undone = true))).rejects.toBe(cause);
  expect(undone).toBe(true);
});

it("an undo that fails is told beside the cause, not instead of it", async () => {
  const failing = undoneFor(cause, () => Promise.reject(new Error("the link stays")));
  await expect(failing).rejects.toMatchObject({
    code: "no_space",
    plain: "no room for the tap; and it could not be undone: the link stays",
    cause,
  });
});
