import { randomBytes } from "node:crypto";
import { BangerError } from "../../rpc/contract/errors.ts";
import { lastName, placeOf } from "../../rpc/place.ts";

/** A copy between here and a guest, as a command in the guest. */
export interface GuestCopy {
  readonly vm: string;
  readonly argv: readonly string[];
  /** True where the caller sends what is copied; else the command's output is it. */
  readonly stdin: boolean;
}

/**
 * The command in the guest that takes or gives what is copied, as a tar archive with one tree `t`, or for `-` as a file's bare
 * bytes. What is taken is unpacked beside its place and moved there when it is whole.
 */
export function guestCopyOf(source: string, destination: string): GuestCopy {
  const from = placeOf(source);
  const to = placeOf(destination);
  if ((from.vm === undefined) === (to.vm === undefined)) {
    throw new BangerError("bad_params", "source, destination: exactly one of them is in a guest, VM:PATH", {
      details: {
        field: "source",
        hint: "Between two guests: `banger vm cp one:/file - | banger vm cp - two:/file`.",
      },
    });
  }
  if (to.vm !== undefined) {
    const name = source === "-" ? "" : lastName(from.path);
    const kind = source === "-" ? "file" : "tar";
    // Drawn here, so that whoever ends the copy at any moment knows what to remove.
    const scratch = `.banger-cp.${randomBytes(8).toString("hex")}`;
    return { vm: to.vm, argv: ["sh", "-c", take, "sh", ...partsOf(to.path), name, kind, scratch], stdin: true };
  }
  const kind = destination === "-" ? "file" : "tar";
  return { vm: from.vm ?? "", argv: ["sh", "-c", give, "sh", ...partsOf(from.path), kind], stdin: false };
}

/** A path, its directory and its last name, so that none of them looks like an option. */
function partsOf(path: string): [path: string, parent: string, name: string] {
  const whole = path.startsWith("/") ? path : `./${path}`;
  const name = lastName(whole);
  if (name === "") return [whole, whole, ""];
  const bare = whole.replace(/\/+$/, "");
  return [whole, bare.slice(0, bare.length - name.length), name];
}

const common = `
set -u
umask 0
fail() { code=$1; shift; printf '%s\\n' "$*" >&2; exit "$code"; }
needs() { command -v "$1" >/dev/null 2>&1 || fail 127 "the guest has no $1, which copying needs"; }
`;

// 66: not there. 71: the guest refused it. 73: in the way. 127: a program is missing.
const give = `${common}
if [ -d "$1" ]; then
  [ "$4" = tar ] || fail 65 "$1 is a directory"
  needs tar
  exec tar -cf - -C "$1" .
fi
[ -e "$1" ] || fail 66 "there is no $1"
if [ "$4" = file ]; then
  [ -f "$1" ] || fail 65 "$1 is no regular file"
  exec cat "$1"
fi
# What procfs and sysfs make when it is read has no size before: an archive of it would be empty.
[ -f "$1" ] && [ ! -s "$1" ] && [ -n "$(head -c 1 "$1" 2>/dev/null | tr '\\0' x)" ] &&
  fail 65 "$1 has no size until it is read; copy it to \`-\`, standard output"
needs tar
exec tar -chf - -C "$2" "./$3"
`;

// As above; 74: it didn't come whole. 75: part of it is there. After all others nothing of it is.
const take = `${common}
if [ -d "$1" ]; then
  into=$1
  name=\${4:-.}
  [ "$5" = tar ] || fail 73 "$1 is a directory; say what the file is called there"
else
  into=$2
  name=$3
  [ -d "$into" ] || fail 66 "there is no directory $into"
fi
target=$into/$name
begun=
is_there() { [ -e "$1" ] || [ -L "$1" ]; }
is_directory() { [ -d "$1" ] && [ ! -L "$1" ]; }
part() { fail 75 "$target has part of what was to be copied$*"; }
or_part() { why=$("$@" 2>&1) || part "\${why:+: \${why##*: }}"; }
ended() { [ -z "$begun" ] || part; exit 143; }
removed() { rm -rf "$work" 2>/dev/null || { chmod -R u+rwx "$work" && rm -rf "$work"; }; }

# What can't stand where something else does is refused before anything is moved.
must_fit() {
  is_there "$2" || return 0
  if is_directory "$1"; then
    [ ! -L "$2" ] || fail 73 "$2 is a link, which is not followed"
    [ -d "$2" ] || fail 73 "$2 is there, and is no directory"
    [ -r "$1" ] && [ -x "$1" ] || fail 71 "$2 can't be merged: what was sent for it can't be read"
    for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
      ! is_there "$entry" || must_fit "$entry" "$2/\${entry##*/}"
    done
  else
    ! is_directory "$2" || fail 73 "$2 is a directory"
    [ -f "$2" ] || [ -L "$2" ] || fail 73 "$2 is no regular file"
  fi
}

# A directory that comes to another parent has to be open to its user.
move() {
  if is_directory "$1" && [ ! -w "$1" ]; then
    chmod u+w "$1" && mv -f "$1" "$2" && chmod u-w "$2"
  else
    mv -f "$1" "$2"
  fi
}

# Moves what is in a directory into one that is there, many at a time, but for directories that are in both.
move_all() {
  from=$1
  to=$2
  set --
  for entry in "$from"/* "$from"/.[!.]* "$from"/..?*; do
    is_there "$entry" || continue
    there=$to/\${entry##*/}
    if is_directory "$there"; then
      continue
    elif is_directory "$entry" && [ ! -w "$entry" ]; then
      or_part move "$entry" "$there"
    else
      set -- "$@" "$entry"
    fi
    [ $# -lt 100 ] || { or_part mv -f "$@" "$to/"; set --; }
  done
  [ $# = 0 ] || or_part mv -f "$@" "$to/"
}

merge() {
  [ -w "$1" ] || { chmod u+w "$1" && set -- "$1" "$2" closed; }
  move_all "$1" "$2"
  for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    ! is_directory "$entry" || merge "$entry" "$2/\${entry##*/}"
  done
  [ $# = 2 ] || chmod u-w "$1"
}

work=$into/$6
trap '[ ! -e "$work" ] || removed' EXIT
trap ended HUP INT TERM
why=$(mkdir -m 700 "$work" 2>&1) || fail 71 "nothing can be made in $into: \${why##*: }"
new=$work/t
if [ "$5" = file ]; then
  cat >"$new" && chmod 644 "$new" || exit 74
else
  needs tar
  tar -xpf - -C "$work" || exit 74
fi
[ -d "$new" ] || [ "$1" = "\${1%/}" ] || [ -d "$1" ] || fail 66 "there is no directory $1"
[ -d "$new" ] || [ ! -d "$target" ] || fail 73 "$target is a directory"
must_fit "$new" "$target"
if [ -d "$target" ]; then
  begun=yes
  merge "$new" "$target"
  # Only directories are left that are in both: the old ones get the modes of the new ones.
  for entry in "$new"/* "$new"/.[!.]* "$new"/..?*; do
    ! is_there "$entry" || or_part cp -a "$entry" "$target/"
  done
else
  why=$(move "$new" "$target" 2>&1) || fail 71 "$target can't be put in its place: \${why##*: }"
fi
`;
