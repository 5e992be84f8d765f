#!/bin/sh
# assemble.sh COLLECTED FOLDER: what the image adds to its base, below the folder; fails where the base will not do.
set -eu
collected=$1 folder=$2

fail() {
  echo "assemble.sh: this base will not do: $1" >&2
  exit 1
}

for tool in base64 cat grep kill pkill readlink sleep touch; do
  command -v "$tool" >/dev/null || fail "it has no $tool"
done
[ -x /bin/sleep ] || fail "it has no /bin/sleep, which the injector's preStop hook names"
# The injector's command line is `sh -ec "… && vault agent …"`: only a shell that becomes its last command gets signals.
# shellcheck disable=SC2016 # both are meant for the inner shells
outer_and_last=$(/bin/sh -c 'echo $$ && /bin/sh -c "echo \$\$"' | uniq | wc -l)
[ "$outer_and_last" -eq 1 ] || fail "its /bin/sh stays when its last command starts, so that no signal would reach it (dash does); busybox and bash do not"

# Where a folder of the base really is: /bin and /lib may be links into /usr, which a copied folder must not replace.
place() {
  if [ -d "$1" ]; then readlink -f "$1"; else echo "$1"; fi
}

# Of Node's libraries only those that are not there: another libc over the base's own would break the base.
(cd "$collected" && find . -type f) | while read -r file; do
  file=${file#.}
  [ -e "$file" ] && continue
  into=$folder$(place "${file%/*}")
  mkdir -p "$into"
  cp "$collected$file" "$into/"
done

# Any other user will do as well: everything is readable for all, and what is written goes to volumes.
mkdir -p "$folder/etc" "$folder/usr/local/bin" "$folder$(place /bin)"
for name in passwd group; do [ ! -e "/etc/$name" ] || cp "/etc/$name" "$folder/etc/$name"; done
grep -q '^vault:' "$folder/etc/passwd" 2>/dev/null || echo 'vault:x:100:1000::/home/vault:/bin/sh' >>"$folder/etc/passwd"
grep -q '^vault:' "$folder/etc/group" 2>/dev/null || echo 'vault:x:1000:' >>"$folder/etc/group"
chmod 644 "$folder/etc/passwd" "$folder/etc/group"
mkdir -p "$folder/home/vault" "$folder/vault/secrets"
chown 100:1000 "$folder/home/vault" "$folder/vault/secrets"

ln -s /opt/lessee/bin/lessee "$folder/usr/local/bin/lessee"
ln -s /opt/lessee/bin/lessee "$folder$(place /bin)/vault"
