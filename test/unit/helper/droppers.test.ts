import { expect, it, vi } from "vitest";
import { KernelError } from "../../../src/helper/kernel/libc.ts";
import { ForeignTables } from "../../../src/helper/netlink/nf-foreign.ts";
import { findDroppers } from "../../../src/helper/network/droppers.ts";
import { layoutOf } from "../../../src/installation/layout.ts";
import type { Logger } from "../../../src/telemetry/log.ts";
import { Spans } from "../../../src/telemetry/spans.ts";
import { startTracer } from "../../../src/telemetry/tracer.ts";

it("a diagnosis that the kernel refuses is a word in the log, no error", async () => {
  const installation = {
    id: "12ab34cd",
    ownerUid: 1000,
    ownerGid: 1000,
    stateDir: "/var/lib/banger",
    runDir: "/run/banger",
    helperRunDir: "/run/banger-root",
    subnet: "10.77.0.0/24",
    uidFirst: 62000,
    uidCount: 100,
    resolvers: [],
    zone: "vm",
  };
  const foreign = new ForeignTables(() => {
    throw new KernelError("list chains", 4);
  });
  const warn = vi.fn();
  const spans = new Spans(startTracer("test", () => undefined));
  const log = { warn } as unknown as Logger;
  const deps = { foreign, installation, layout: layoutOf(installation), log, spans };
  expect(await findDroppers(deps)).toEqual({});
  expect(warn).toHaveBeenCalledWith(
    { reason: expect.stringContaining("list chains: EINTR") as string },
    expect.stringContaining("can't be found out"),
  );
});
