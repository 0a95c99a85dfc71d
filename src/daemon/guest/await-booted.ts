import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { AgentLink } from "./agent-link.ts";

/** Whether an image's init is systemd, asked before that has begun too; then how far it is, once its start is over. */
const script = `
case "$(readlink -f /sbin/init)" in */systemd) ;; *) echo none; exit;; esac
exec systemctl is-system-running --wait`;

/** What systemd says of a start that is over (systemctl(1), is-system-running). */
const over: ReadonlySet<string> = new Set(["none", "running", "degraded"]);
const lookAgainMs = 200;
/** More than one word is no answer. */
const mostBytes = 64;

/** Waits until an image's init has started everything; an init that can't be asked is done when a command runs. */
export async function awaitBooted(agent: Pick<AgentLink, "exec">, signal: AbortSignal): Promise<void> {
  for (;;) {
    const said = await ask(agent, signal);
    if (over.has(said)) return;
    if (said === "maintenance") {
      throw new BangerError("command_failed", "the guest's init gave up: it is in maintenance mode", {
        details: { hint: "`banger vm exec` with `journalctl -b -p err` says why." },
      });
    }
    // Its init can't be reached yet, or was begun anew.
    await delay(lookAgainMs, undefined, { signal });
  }
}

async function ask(agent: Pick<AgentLink, "exec">, signal: AbortSignal): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const take = (bytes: Uint8Array) => {
    if (length < mostBytes) parts.push(bytes);
    length += bytes.length;
  };
  try {
    await agent.exec({ argv: ["sh", "-c", script], onStdout: take, onStderr: () => undefined, signal });
  } catch (error) {
    // There is no shell to ask.
    if (error instanceof BangerError && error.code === "command_failed") return "none";
    throw error;
  }
  return Buffer.concat(parts).toString("latin1").slice(0, mostBytes).trim();
}
