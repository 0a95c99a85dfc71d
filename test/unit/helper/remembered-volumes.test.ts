import { expect, it } from "vitest";
import type { StartParams } from "../../../src/helper/vmm/vmm-kind.ts";
import { vmmKinds } from "../../../src/helper/vmm/vmm-kinds.ts";

it.each(Object.entries(vmmKinds))("of a VM under %s its volumes are remembered", (_, kind) => {
  expect(kind.remembered({ volumes: ["00112233445566aa"] } as unknown as StartParams)).toMatchObject({
    volumes: ["00112233445566aa"],
  });
});
