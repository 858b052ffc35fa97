#!/usr/bin/env bash
# npm run bench: this server and client against the original's, in one run on one machine.
# The original needs root and the packages that "npm test" installs.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ ! -e node_modules/.package-lock.json ]; then npm ci --loglevel=error; fi
npm run --silent build
npm run --silent bundle
exec node dist/test/bench/bench.js "$@"
