import { BangerError } from "../rpc/contract/errors.ts";
import { commands } from "./commands.ts";
import { flagName, flagsOf } from "./parse.ts";

const globals = ["--json", "--quiet", "--config", "--help"];

/** The shells that have a completion. */
const shells = ["bash", "zsh", "fish"] as const;

/** A shell's completion, from the same list of commands as the parser and the help. */
export function completion(shell: string | undefined): string {
  switch (shell) {
    case "bash":
      return bash();
    case "zsh":
      return `#compdef banger\nautoload -U +X bashcompinit && bashcompinit\n${bash()}`;
    case "fish":
      return fish();
    default:
      throw new BangerError("usage", `completion: the shell must be one of ${shells.join(", ")}`, {
        details: { hint: "`source <(banger completion bash)` is an example." },
      });
  }
}

function nouns(): string[] {
  return [...new Set(commands.map((command) => command.noun)), "completion"];
}

function verbsOf(noun: string): string[] {
  return noun === "completion"
    ? [...shells]
    : commands.filter((command) => command.noun === noun).map((command) => command.verb);
}

function wordsOf(noun: string, verb: string): string[] {
  const command = commands.find((candidate) => candidate.noun === noun && candidate.verb === verb);
  return command === undefined ? [] : [...flagsOf(command).map((flag) => `--${flagName(flag.name)}`), ...globals];
}

function bash(): string {
  const verbCases = nouns().map((noun) => `      ${noun}) words="${verbsOf(noun).join(" ")}" ;;`);
  const flagCases = commands.map(
    ({ noun, verb }) => `      "${noun} ${verb}") words="${wordsOf(noun, verb).join(" ")}" ;;`,
  );
  const named = commands
    .filter(({ positionals }) => ["vm", "image", "kernel"].includes(positionals[0] ?? ""))
    .map(({ noun, verb }) => `"${noun} ${verb}"`);
  return `_banger() {
  local words="" current="\${COMP_WORDS[COMP_CWORD]}" command="\${COMP_WORDS[1]} \${COMP_WORDS[2]}"
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${nouns().join(" ")} --help --version"
  elif [ "$COMP_CWORD" -eq 2 ]; then
    case "\${COMP_WORDS[1]}" in
${verbCases.join("\n")}
    esac
  else
    case "$command" in
${flagCases.join("\n")}
    esac
    case "$command" in
      ${named.join(" | ")}) [ "\${current#-}" = "$current" ] && words="$(banger "\${COMP_WORDS[1]}" ls --quiet 2>/dev/null | awk 'NR > 1 { print $1 }')" ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _banger banger
`;
}

function fish(): string {
  const lines = [`complete -c banger -f -n __fish_use_subcommand -a "${nouns().join(" ")}"`];
  for (const noun of nouns()) {
    const verbs = verbsOf(noun).join(" ");
    lines.push(
      `complete -c banger -f -n "__fish_seen_subcommand_from ${noun}; and not __fish_seen_subcommand_from ${verbs}" -a "${verbs}"`,
    );
    for (const verb of verbsOf(noun)) {
      for (const word of wordsOf(noun, verb)) {
        lines.push(
          `complete -c banger -n "__fish_seen_subcommand_from ${noun}; and __fish_seen_subcommand_from ${verb}" -l ${word.slice(2)}`,
        );
      }
    }
  }
  return `${lines.join("\n")}\n`;
}
