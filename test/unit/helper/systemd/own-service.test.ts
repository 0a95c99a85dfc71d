import { expect, it } from "vitest";
import { isServices } from "../../../../src/helper/systemd/own-service.ts";

it.each([
  ["0::/system.slice/bangerd-root.service\n", true],
  ["9:name=systemd:/payload/system.slice/bangerd-root.service\n4:memory:/\n0::/\n", true],
  ["0::/user.slice/user-0.slice/session-1.scope\n", false],
  // Whoever is started by a service has its INVOCATION_ID too.
  ["0::/system.slice/cron.service\n", false],
  ["0::/system.slice/mybangerd-root.service\n", false],
  ["0::/system.slice/bangerd-root.service/below\n", false],
  ["", false],
])("%j: the helper's service %s", (cgroups, is) => {
  expect(isServices(cgroups)).toBe(is);
});
