#!/bin/sh
# collect.sh PROGRAM FOLDER: the program and every library that its loader names, below the folder, where they were.
set -eu
program=$1 folder=$2

fail() {
  echo "collect.sh: $1" >&2
  exit 1
}

[ -x "$program" ] || fail "$program is not in this image (NODE must have Node at that path)"

# Asked through the loader itself: an image need not have ldd. glibc's and musl's both know --list.
loader=
for one in /lib64/ld-linux-*.so.* /lib/ld-linux-*.so.* /lib/ld-musl-*.so.1; do
  if [ -x "$one" ] && "$one" --list "$program" >/dev/null 2>&1; then loader=$one && break; fi
done
[ -n "$loader" ] || fail "no loader in this image runs $program"

for file in "$program" "$loader" $("$loader" --list "$program" | sed -n 's/^[^/]*\(\/[^ ]*\).*$/\1/p'); do
  mkdir -p "$folder${file%/*}"
  # The file itself, by the name that is looked for, whatever links lead to it.
  cp -L "$file" "$folder$file"
done
