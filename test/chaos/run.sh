#!/usr/bin/env bash
# npm run test:chaos: everything that a server lives on breaks, a fault at a time, and is put right again; this project's
# programs and the original's, in network namespaces. As root, on Debian 12 or later; an hour. `npm test` has a few.
#   npm run test:chaos                  all faults; results in dist/chaos.jsonl, a line each, and dist/chaos.md
#   npm run test:chaos -- disk D-Bus    those with one of these in their name
#   npm run test:chaos -- --ours        this project's programs only; or --original
# The exit status is 0 when this project's programs did as they should each time.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ "$(id -u)" -ne 0 ]; then
  echo 'test:chaos: needs root, for network namespaces' >&2
  exit 2
fi
. test/support/run-directory.sh
make_run_directory chaos

if [ ! -e node_modules/.package-lock.json ]; then npm ci --no-audit --no-fund --loglevel=error; fi
bash test/prepare-debian.sh
npm run --silent build

results=dist/chaos.jsonl
rm -f "$results"
status=0
TMPDIR=$run_directory MANDOS_TEST_RUN=$run PATH=$PATH:/usr/sbin:/sbin \
  node dist/test/chaos/long.js "$results" "$@" </dev/null || status=$?
node dist/test/chaos/table.js "$results" >dist/chaos.md
exit "$status"
