#!/bin/sh
# What `npm start` runs: installs when the lock file is not the one that was installed, checks, builds, starts the demo.
# It is sh because on a fresh machine nothing else is there yet, not even the Node that the lock file brings.
set -eu
cd "$(dirname -- "$0")/.."
stamp=node_modules/.lessee-installed

# By our own stamp, or by npm's, which is written last: who has just run `npm ci` need not wait for another.
installed() {
  cmp -s package-lock.json "$stamp" || [ node_modules/.package-lock.json -nt package-lock.json ]
}

if ! installed; then
  # Optional dependencies bring Node and Postgres, development dependencies the build: all are needed, however npm is set.
  npm ci --include=optional --include=dev --no-audit --no-fund
  cp package-lock.json "$stamp"
fi
sh scripts/node-guard.sh
if ! output=$(npm run --silent build 2>&1); then
  printf '%s\n' "$output" >&2
  exit 1
fi
# exec: a signal meant for the demo must not end at this shell.
exec node_modules/.bin/node dev/demo/main.ts "$@"
