import { expect, it } from "vitest";
import { identityOf, methodOf } from "../../../src/daemon/operation/identity.ts";

it("is of the method and the parameters, in whichever order they came, and tells none of them", () => {
  const identity = identityOf("vm.run", { env: ["TOKEN=SECRET"], vm: "web", nested: { a: 1, b: [1, 2] } });
  expect(identityOf("vm.run", { nested: { b: [1, 2], a: 1 }, vm: "web", env: ["TOKEN=SECRET"] })).toBe(identity);
  expect(identity).not.toContain("SECRET");
  expect(methodOf({ identity, name: "banger vm run" })).toBe("vm.run");
  expect(methodOf({ identity: null, name: "banger vm run" })).toBe("banger vm run");
  for (const other of [
    identityOf("vm.stop", { env: ["TOKEN=SECRET"], vm: "web", nested: { a: 1, b: [1, 2] } }),
    identityOf("vm.run", { env: ["TOKEN=SECRET"], vm: "web", nested: { a: 1, b: [2, 1] } }),
    identityOf("vm.run", undefined),
  ]) {
    expect(other).not.toBe(identity);
  }
});
