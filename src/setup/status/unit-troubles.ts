import { enabledUnits } from "../../installation/units.ts";
import { linkText } from "../host/durable-file.ts";
import type { UnitState } from "../service/systemd.ts";
import { because, keepsFailing, maskedAtRunTime, stateText } from "../service/unit-words.ts";
import type { Seen, Trouble } from "./seen.ts";

/** What is wrong with how units are, start and were read. */
export function ofUnits({ units, vmms, words }: Seen): Trouble[] {
  const still = vmms === 0 ? "" : `; ${vmms} ${vmms === 1 ? "VM runs" : "VMs run"} on all the same`;
  const down = units.filter(({ active }) => active !== "active");
  const troubles = down.map((state) => ({
    ...howItIsDown(state),
    message: `${stateText(state)}${state.unit.endsWith(".service") ? still : ""}${because(words[state.unit])}`,
  }));
  const wanted: readonly string[] = enabledUnits;
  const off = units.filter(
    ({ unit, enabled }) => wanted.includes(unit) && !["enabled", "masked", maskedAtRunTime].includes(enabled),
  );
  if (off.length > 0)
    troubles.push({
      code: "not_enabled",
      message: `doesn't start with the host: ${off.map(({ unit, enabled }) => `${unit} is ${enabled}`).join(", ")}`,
      hint: `\`sudo systemctl enable ${off.map(({ unit }) => unit).join(" ")}\`.`,
    });
  const stale = units.filter(({ needsReload }) => needsReload);
  if (stale.length === 0) return troubles;
  return [
    ...troubles,
    {
      code: "not_reloaded",
      message: `changed since systemd read it: ${stale.map(({ unit }) => unit).join(", ")}`,
      hint: "`sudo systemctl daemon-reload`, then `sudo banger system restart`.",
    },
  ];
}

function howItIsDown(state: UnitState): Pick<Trouble, "code" | "hint"> {
  const { unit, active, enabled } = state;
  if (enabled === maskedAtRunTime)
    return { code: "masked", hint: `\`${unmaskAtRunTime([unit])}\`, then \`sudo banger system restart\`.` };
  if (enabled === "masked") return { code: "masked", hint: fileBack };
  const whole = `\`journalctl -u ${unit}\` says why`;
  if (keepsFailing(state))
    return { code: "failing", hint: `${whole}; systemd goes on trying, so mending the cause is enough.` };
  if (active === "failed") return { code: "failed", hint: `${whole}; then \`sudo banger system restart\`.` };
  if (active === "activating")
    return { code: "starting", hint: `It is being started: ask again; ${whole} where it takes long.` };
  return { code: "stopped", hint: "`sudo banger system restart` starts it." };
}

/** What is masked while it runs; and by a link in /run, which systemd heeds only where no file of that name lies in /etc. */
export function ofMasks({ units, deps: { places } }: Seen): Trouble[] {
  const running = (mask: string) => units.filter(({ active, enabled }) => active === "active" && enabled === mask);
  const inVain = units.filter(
    ({ unit, enabled }) =>
      enabled !== maskedAtRunTime && linkText(places.at(`/run/systemd/system/${unit}`)) === "/dev/null",
  );
  const trouble = (message: string, masked: readonly UnitState[], hint: (names: readonly string[]) => string) => {
    const names = masked.map(({ unit }) => unit);
    return names.length === 0
      ? []
      : [{ code: "masked", message: `${message}: ${names.join(", ")}`, hint: hint(names) }];
  };
  const undo = (names: readonly string[]) => `\`${unmaskAtRunTime(names)}\` undoes that.`;
  return [
    ...trouble("masked, so that nothing starts it again", running("masked"), () => fileBack),
    ...trouble("masked at run time, so that nothing starts it again", running(maskedAtRunTime), undo),
    ...trouble("masked at run time, without effect while /etc/systemd/system has it", inVain, undo),
  ];
}

/** A unit is masked for good by a link in the place of its file. */
const fileBack = "`sudo bin/banger system install`, of the same package, puts its file back.";

function unmaskAtRunTime(units: readonly string[]): string {
  return `sudo systemctl unmask --runtime ${units.join(" ")}`;
}
