#!/usr/bin/env bash
# npm run bench: this server and client against the original's, and the life of a server with many clients and what its
# operators do, in one run on one machine. Needs root, and the packages that "npm test" installs.
#   npm run bench                  all parts: some 20 minutes
#   npm run bench -- releases      CPU and time of releases: this server, the original, and the least that C needs
#   npm run bench -- meanwhile     releases during D-Bus lists and many checks
#   npm run bench -- client        from the start of the client to the password
#   npm run bench -- life          start, memory, checks and stop of a server with many clients
#   npm run bench -- life long     the same, until each client has been checked twice: some 20 minutes
#   npm run bench -- operator      D-Bus, mandos-ctl and mandos-monitor with many clients
#   npm run bench -- ... --json FILE    keeps the results, beside those of other parts that the file has
#   npm run bench -- plot FILE     draws them into docs/performance, and puts the tables into docs/performance.md
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ ! -e node_modules/.package-lock.json ]; then npm ci --loglevel=error; fi
npm run --silent build
npm run --silent bundle
node dist/test/bench/main.js "$@"
if [ "${1:-}" = plot ]; then npx --no-install prettier --write --log-level=warn docs/performance.md; fi
