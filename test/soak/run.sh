#!/usr/bin/env bash
# npm run test:soak: a hundred thousand releases and a million checks for one server, which is to hold no more at the end
# than before. Some 20 minutes on a quiet machine. Needs root, and the packages that "npm test" installs.
#   npm run test:soak -- --workers=2          several processes serve connections
#   npm run test:soak -- --checks=100000 --releases=10000 --clients=1000    less of it
#   npm run test:soak -- --json FILE          keeps the results, for "npm run bench -- plot FILE"
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ ! -e node_modules/.package-lock.json ]; then npm ci --loglevel=error; fi
npm run --silent build
node dist/test/soak/long.js "$@"
