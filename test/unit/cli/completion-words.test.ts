import { expect, it } from "vitest";
import { completions } from "../../../src/cli/completion-words.ts";

// What the daemon would name.
const names = ["web", "db", "debian"];
const answer = (line: string, typed = line.split(" ")) => {
  const asked = completions(typed);
  if (asked === undefined) return "nothing";
  if (asked.files) return "files";
  return asked.choose([...asked.words, ...(asked.names === undefined ? [] : [...names, asked.names])]).join(" ");
};

it.each([
  ["im", "image"],
  ["st", "start stop stats status"],
  ["--v", "--version"],
  ["--j", "--json"],
  ["--json vm st", "start stop stats"],
  ["vm st", "start stop stats"],
  ["vm start ", "web db debian vm"],
  ["logs ", "show last vm web db debian vm"],
  ["logs vm ", "web db debian vm"],
  ["logs last --sp", "--spans"],
  ["vm start d", "db debian"],
  ["vm start db d", "debian"],
  ["start w", "web"],
  ["vm show web ", "nothing"],
  ["vm stats ", "web db debian vm"],
  ["vm stats --no-watch web d", "db debian"],
  ["vm stats web db ", "debian vm"],
  ["vm ports d", "db debian"],
  ["rm -f w", "web"],
  ["vm exec ", "web db debian vm"],
  ["vm exec web ", "nothing"],
  ["vm exec web -- ", "nothing"],
  ["vm exec web ls -", "nothing"],
  ["vm exec web -", "--env --cwd --user --stdin --tty --size --json --quiet --config --help"],
  ["vm exec -e A=b w", "web"],
  ["vm exec -C ", "nothing"],
  ["vm create --im", "--image"],
  [
    "vm create --name x --",
    "--image --kernel --cpus --memory --disk --network --label --volume --work-disk --disk-kind --vmm --accel --ttl --idle --autostart --on-reboot --detach --json --quiet --config --help",
  ],
  ["vm create --image ", "web db debian image"],
  ["vm create --image=deb", "--image=debian"],
  ["vm create --image = deb", "debian"],
  ["vm create --image =", "web db debian image"],
  ["vm create --memory ", "nothing"],
  ["vm create --cpus 2 ", "nothing"],
  ["vm start -- w", "web"],
  ["vm start 'w", "web"],
  ["image show d", "db debian"],
  ["kernel rm ", "web db debian kernel"],
  ["trace show ", "web db debian operation"],
  ["image build ", "debian"],
  ["image import ", "files"],
  ["image import ./a", "files"],
  ["kernel import k --modules ", "files"],
  ["operation wait ", "web db debian op_id"],
  ["operation wait --c", "--cancel-on-interrupt --config"],
  ["vm ls --config ", "files"],
  ["--config ", "files"],
  ["--config other.toml vm start w", "web"],
  ["completion ", "bash zsh fish"],
  ["completion bash ", "nothing"],
  ["help ima", "image"],
  ["help vm sta", "start stats"],
  ["nonsense ", "nothing"],
  ["vm nonsense ", "nothing"],
])("%s<TAB>: %s", (line, expected) => {
  expect(answer(line)).toBe(expected);
});
