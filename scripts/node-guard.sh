#!/bin/sh
# Says clearly why the Node that the lock file brings does not run, before anything fails for a stranger reason.
# The Node comes as a platform package in optionalDependencies; `--omit=optional` or a missing library loses it silently.
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
node="$root/node_modules/.bin/node"

if [ ! -d "$root/node_modules" ]; then
  echo "lessee: nothing is installed in $root; run: npm ci" >&2
  exit 1
fi
if [ ! -x "$node" ]; then
  echo "lessee: the package with Node for $(uname -s) $(uname -m) is not installed." >&2
  echo "lessee: it is an optional dependency: run 'npm ci --include=optional' (npm config 'omit' is: $(npm config get omit 2>/dev/null))." >&2
  echo "lessee: packages exist for Linux with glibc (x64, arm64) and macOS; elsewhere use the container image." >&2
  exit 1
fi
if ! out=$("$node" -p 'process.versions.node' 2>&1); then
  echo "lessee: $node does not start:" >&2
  echo "$out" | head -n 3 >&2
  echo "lessee: where a shared library is named above, install it; on a system without glibc use the container image." >&2
  exit 1
fi
if [ "${out%%.*}" -lt 24 ]; then
  echo "lessee: $node is Node $out, but 24 or newer is needed; run: npm ci --include=optional" >&2
  exit 1
fi
