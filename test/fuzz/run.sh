#!/usr/bin/env bash
# npm run test:fuzz: makes up inputs for everything that reads what comes from others, for ten minutes each and more. What
# they have reached is kept in dist/fuzz, where the next run goes on. `npm test` does the same for seconds.
#   npm run test:fuzz                                  all targets, two at a time
#   npm run test:fuzz -- dbus import                   those whose names begin so
#   npm run test:fuzz -- --seconds=3600 --jobs=4       an hour each, four at a time
#   npm run test:fuzz -- import --replay=FILE          one input again: a file of dist/fuzz/findings
# The exit status is 0 when nothing was found.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ ! -e node_modules/.package-lock.json ]; then npm ci --no-audit --no-fund --loglevel=error; fi
npm run --silent build
exec node dist/test/fuzz/main.js "$@"
