#!/usr/bin/env bash
# Installs the npm packages when they are missing or older than the lockfile, then runs a script with the
# project's own Node (the `node` dev dependency), whatever Node the machine has.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -x node_modules/.bin/node ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo "installing npm packages (first run only)…" >&2
  npm ci --loglevel=error >&2
  touch node_modules/.package-lock.json
fi
export PATH="$PWD/node_modules/.bin:$PATH"
exec node "$@"
