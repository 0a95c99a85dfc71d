import { randomBytes } from "node:crypto";

/**
 * The command in a guest that takes an archive of the trees `0`, `1` and so on, and moves each to its place: absolute, or below the
 * home in which it begins. It prints the numbers of those that it couldn't place. What it makes on the way to a home's file is the
 * user's alone.
 */
export function placingCommand(places: readonly string[]): string[] {
  return ["sh", "-c", script, "sh", `./.banger-sync.${randomBytes(8).toString("hex")}`, ...places];
}

// 73: no room to work in. 74: not all could be unpacked. 127: a program is missing.
const script = `
set -u
umask 077
work=$1
shift
trap 'rm -rf "$work"' EXIT
trap 'exit 143' HUP INT TERM
command -v tar >/dev/null 2>&1 || exit 127
mkdir "$work" || exit 73
tar -xpf - -C "$work" || exit 74
place() {
  case "$2" in
    /*) umask 022; at=$2 ;;
    *) umask 077; at=./$2 ;;
  esac
  parent=\${at%/*}
  mkdir -p "\${parent:-/}" || return 1
  if [ -d "$at" ]; then
    [ -d "$1" ] && cp -a "$1/." "$at/"
  elif [ -e "$at" ] || [ -L "$at" ]; then
    [ ! -d "$1" ] && mv -f "$1" "$at"
  else
    mv "$1" "$at"
  fi
}
number=0
for to in "$@"; do
  new=$work/$number
  if [ -e "$new" ] || [ -L "$new" ]; then place "$new" "$to" || echo "$number"; fi
  number=$((number + 1))
done
`;
