#!/usr/bin/env bash
# npm run bench: this server and client against the original's, and the life of a server with many clients and what its
# operators do, in one run on one machine. The original needs root and the packages that "npm test" installs.
#   npm run bench -- releases    only releases and the start of the client
#   npm run bench -- life        only the life of a server
#   npm run bench -- life long   the same, until each client has been checked twice: some 20 minutes
#   npm run bench -- operator    only D-Bus, mandos-ctl and mandos-monitor with many clients
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ ! -e node_modules/.package-lock.json ]; then npm ci --loglevel=error; fi
npm run --silent build
npm run --silent bundle
part=${1:-all}
case $part in
all | releases | life | operator) ;;
*) echo "bench: no part is called $part (releases, life or operator)" >&2; exit 2 ;;
esac
if [[ $part =~ ^(all|releases)$ ]]; then node dist/test/bench/bench.js; fi
if [[ $part =~ ^(all|life)$ ]]; then node dist/test/bench/life.js "${@:2}"; fi
if [[ $part =~ ^(all|operator)$ ]]; then node dist/test/bench/operator.js; fi
