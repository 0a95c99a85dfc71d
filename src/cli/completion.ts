import { BangerError } from "../rpc/contract/errors.ts";
import { completionWord } from "./completion-answer.ts";
import { shells } from "./shells.ts";

/** What makes a shell complete: it only asks `banger` itself, at each Tab, and shows the answer. */
export function completion(shell: string | undefined): string {
  switch (shell) {
    case "bash":
      return bash;
    case "zsh":
      return zsh;
    case "fish":
      return fish;
    default:
      throw new BangerError("usage", `completion: the shell must be one of ${shells.join(", ")}`, {
        details: { hint: "`source <(banger completion bash)` is an example." },
      });
  }
}

const bash = `_banger() {
  local answer
  COMPREPLY=()
  mapfile -t answer < <("\${1:-banger}" ${completionWord} "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null </dev/null)
  case "\${answer[0]-}" in
    :files) compopt -o default ;;
    :words) COMPREPLY=("\${answer[@]:1}") ;;
  esac
}
complete -F _banger banger
`;

const zsh = `#compdef banger
_banger() {
  local -a answer
  answer=("\${(@f)$("\${words[1]}" ${completionWord} "\${(@)words[2,CURRENT]}" 2>/dev/null </dev/null)}")
  case "\${answer[1]}" in
    :files)
      compset -P '--*='
      _files
      ;;
    :words) compadd -- "\${(@)answer[2,-1]}" ;;
  esac
}
(( \${+functions[compdef]} )) || { autoload -U compinit && compinit }
compdef _banger banger
`;

const fish = `function __banger_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l answer (banger ${completionWord} $words[2..-1] "$current" 2>/dev/null </dev/null)
    switch "$answer[1]"
        case :files
            __fish_complete_path "$current"
        case :words
            printf '%s\\n' $answer[2..-1]
    end
end
complete -c banger -f -a '(__banger_complete)'
`;
