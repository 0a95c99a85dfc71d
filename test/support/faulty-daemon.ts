// A daemon of which a step goes wrong. The file that FAULT_FILE names says where, as `vm.start tap after`:
//   before, after   the step fails before, or after, it acts
//   hold            the step waits, having acted, until the file is changed
import { readFileSync } from "node:fs";
import { startDaemon } from "../../src/daemon/daemon.ts";
import type { Step, StepRun, StepRunner } from "../../src/daemon/step/step-runner.ts";

const faultFile = process.env["FAULT_FILE"] ?? "";

function fault(): { operation: string; step: string; when: string } {
  const [operation = "", step = "", when = ""] = readFileSync(faultFile, "utf8").trim().split(" ");
  return { operation, step, when };
}

/** Resolves when the file says something else; what it said is read before anybody is told to change it. */
function changed(before: string): Promise<void> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (readFileSync(faultFile, "utf8") === before) return;
      clearInterval(timer);
      resolve();
    }, 5);
  });
}

function withFault<S>(run: StepRun<S>, step: Step<S>): Step<S> {
  return {
    ...step,
    do: async (subject, signal) => {
      const planned = fault();
      const hit = planned.operation === run.operation && planned.step === step.name;
      if (hit && planned.when === "before") throw new Error("a fault before acting");
      await step.do(subject, signal);
      if (hit && planned.when === "after") throw new Error("a fault after acting");
      if (hit && planned.when === "hold") {
        const over = changed(readFileSync(faultFile, "utf8"));
        process.stdout.write(`${JSON.stringify({ message: "held", step: step.name })}\n`);
        await over;
      }
    },
  };
}

await startDaemon({
  config: process.env["BANGER_CONFIG"] ?? "",
  guestPrograms: "/mnt/banger/guest/build",
  env: process.env,
  preinstalled: {
    steps: (made): StepRunner => ({
      run: (run) => made.run({ ...run, steps: run.steps.map((step) => withFault(run, step)) }),
    }),
  },
});
