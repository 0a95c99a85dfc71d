import { BangerError } from "../../rpc/contract/errors.ts";
import type { Finding } from "../../rpc/contract/finding.ts";
import type { HelperLink } from "../helper/helper-link.ts";

const start = "Start it as root: `bangerd-root`; where systemd runs it, `banger system status` says what is wrong.";

/** A helper that is away, or silent, is one finding, told once. */
export async function withHelper<T>(
  helper: Pick<HelperLink, "mustAnswer">,
  work: () => Promise<T>,
  told = false,
): Promise<T | Finding[]> {
  try {
    await helper.mustAnswer();
    return await work();
  } catch (error) {
    if (!(error instanceof BangerError)) throw error;
    if (error.code === "helper_unavailable") {
      const away: Finding = {
        code: "helper_unavailable",
        level: "error",
        message: error.plain,
        hint: typeof error.details?.["hint"] === "string" ? error.details["hint"] : start,
      };
      return told ? [] : [away];
    }
    if (error.code !== "unknown_method") throw error;
    const hint = "Restart bangerd-root.";
    return [{ code: "helper_older", level: "warning", message: "the helper is older than the daemon", hint }];
  }
}
