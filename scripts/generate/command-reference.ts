import { commands } from "../../src/cli/commands.ts";
import { commandHelp } from "../../src/cli/help.ts";

/** The page of commands: each one's own help. */
export function commandReference(): string {
  const pages = commands.map(
    (command) => `## ${command.noun} ${command.verb}\n\n\`\`\`text\n${commandHelp(command)}\`\`\`\n`,
  );
  return `# Commands

Made from \`src/cli/command\` and the methods' declarations. Every command takes \`--json\`, \`--quiet\`, \`--config FILE\` and \`--help\`.

${pages.join("\n")}`;
}
