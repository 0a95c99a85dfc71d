import { expect, it } from "vitest";
import { type Planned, planReconcile, type Seen } from "../../../src/daemon/vm/reconcile/plan.ts";
import { activeStates, type VmState } from "../../../src/daemon/vm/state.ts";

const id = "00000000000000a1";
const record = (state: VmState, more: Partial<Seen["records"][number]> = {}) => ({
  id,
  name: "web",
  state,
  generation: 3,
  stop_by: null,
  ...more,
});
const vmm = (generation: number) => ({ vm_id: id, generation, pid: 7, uid: 1, started_at: "2026-01-01T00:00:00.000Z" });
const held = (what: string, generation = 3) => ({ id, what, generation });
const nothing: Seen = {
  at: Date.parse("2026-01-01T00:00:00.000Z"),
  records: [],
  alive: [],
  held: [],
  busy: new Set(),
  reached: new Set(),
  directories: [],
  withoutDisk: new Set(),
  withoutTap: new Set(),
  halves: [],
  wereStarted: new Set(),
  unowned: [],
};
const runs = { alive: [vmm(3)], held: [held("tap"), held("vmm")] };
const short = ({ action, found }: Planned) => `${action} ${found.join(" ")}`.trim();

it.each<[string, Partial<Seen>, string[]]>([
  ["nothing at all", {}, []],
  ["a VM that rests", { records: [record("created")], directories: [id] }, []],
  ["a VM that runs", { ...runs, records: [record("running")], directories: [id], reached: new Set([id]) }, []],
  ["what is held of no VM", { held: [held("tap"), held("uid", 0)] }, ["remove tap uid"]],
  ["a directory of no VM", { directories: [id] }, ["none directory"]],
  ["both of no VM", { directories: [id], held: [held("tap"), held("tap")] }, ["remove tap", "none directory"]],
  ["a VMM of no VM", { ...runs, directories: [id] }, ["none directory tap vmm"]],
  ["an image of nobody's", { unowned: [{ what: "image", path: "/state/images/0" }] }, ["none image"]],
  ["what no VM has, while something is under way", { directories: [id], held: [held("tap")], busy: new Set([id]) }, []],
  ["half of a create", { records: [record("creating")], directories: [id] }, ["remove record directory"]],
  ["half of a create without a directory", { records: [record("creating")] }, ["remove record"]],
  [
    "half of a create that was started, as an older database has it",
    { records: [record("creating")], directories: [id], wereStarted: new Set([id]) },
    ["none record directory"],
  ],
  ["half of a create that runs", { ...runs, records: [record("creating")] }, ["none record"]],
  ["a create under way", { records: [record("creating")], directories: [id], busy: new Set([id]) }, []],
  [
    "a VM that was started after what its record knows",
    { alive: [vmm(4)], held: [held("vmm", 4)], records: [record("stopped")] },
    ["adopt record vmm"],
  ],
  [
    "a VM that was started again after what its record knows",
    { alive: [vmm(4)], held: [held("vmm", 4)], records: [record("running")] },
    ["adopt record vmm"],
  ],
  ["what a VM that rests still holds", { records: [record("stopped")], held: [held("tap")] }, ["remove tap"]],
  ["a VMM of a VM that rests", { ...runs, records: [record("failed")] }, ["remove tap vmm"]],
  ["a VM that rests without a disk", { records: [record("stopped")], withoutDisk: new Set([id]) }, ["none root disk"]],
  [
    "a VM that runs without a disk",
    { ...runs, records: [record("running")], reached: new Set([id]), withoutDisk: new Set([id]) },
    ["none root disk"],
  ],
  [
    "a VM that runs without its tap",
    { ...runs, records: [record("running")], reached: new Set([id]), withoutTap: new Set([id]) },
    ["none tap"],
  ],
  ["a VM that runs, out of reach", { ...runs, records: [record("running")] }, ["adopt tap vmm"]],
  ["a start that was cut off", { ...runs, records: [record("starting")] }, ["adopt record tap vmm"]],
  [
    "a start that was cut off before its VMM",
    { records: [record("starting")], held: [held("tap")] },
    ["end record tap"],
  ],
  ["a VM whose VMM is dead", { records: [record("running")], reached: new Set([id]) }, ["end record"]],
  [
    "a VM of which an older VMM runs",
    { records: [record("running")], alive: [vmm(2)], held: [held("vmm", 2)] },
    ["end record vmm"],
  ],
  [
    "a stop that was cut off",
    { ...runs, records: [record("stopping", { stop_by: "2026-01-01T00:00:00.000Z" })], reached: new Set([id]) },
    ["go_on_stopping record tap vmm"],
  ],
  ["a stop that nobody waits for", { ...runs, records: [record("stopping")], reached: new Set([id]) }, []],
  ["a stop that nobody waits for, out of reach", { ...runs, records: [record("stopping")] }, ["adopt tap vmm"]],
  ["what was half made", { halves: ["/state/scratch/make-1"] }, ["remove scratch"]],
])("%s", (_, seen, expected) => {
  expect(planReconcile({ ...nothing, ...seen }).map(short)).toEqual(expected);
});

it("names the highest generation that is held, and none where nothing is", () => {
  const generations = (seen: Partial<Seen>) => planReconcile({ ...nothing, ...seen }).map((one) => one.generation);
  expect(generations({ held: [held("tap", 5), held("uid", 0)] })).toEqual([5]);
  expect(generations({ directories: [id] })).toEqual([undefined]);
});

it("removes what no record owns where that is asked for, and only then", () => {
  const seen = {
    ...nothing,
    ...runs,
    directories: [id, "00000000000000bb"],
    unowned: [{ what: "kernel" as const, path: "/state/kernels/0" }],
  };
  const planned = planReconcile(seen, { removeUnowned: true });
  expect(planned.map(short)).toEqual(["remove directory tap vmm", "remove directory", "remove kernel"]);
  expect(planned.map(({ unowned }) => unowned)).toEqual([true, true, true]);
  expect(planReconcile(seen).map(({ action }) => action)).toEqual(["none", "none", "none"]);
});

it.each<VmState>(["creating", "created", "starting", "running", "stopping", "stopped", "failed"])(
  "a VMM that lives is adopted where something of its VM may run, and else taken away: %s",
  (state) => {
    const planned = planReconcile({ ...nothing, ...runs, records: [record(state)] });
    const actions = planned.map(({ action }) => action);
    if (activeStates.has(state)) expect(actions).toEqual(["adopt"]);
    else expect(actions).toEqual([state === "creating" ? "none" : "remove"]);
  },
);
