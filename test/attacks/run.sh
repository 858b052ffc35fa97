#!/usr/bin/env bash
# npm run test:attacks: what a hostile neighbour on the network can do to a server, this project's with one worker and with
# two, and the original's, while honest clients ask; and to clients that look for a server. In network namespaces, as root,
# on Debian 12 or later; half an hour. `npm test` has a few of them.
#   npm run test:attacks                        all; results in dist/attacks.jsonl, a line each, and dist/attacks.md
#   npm run test:attacks -- keys recorded       those with one of these in their name
#   npm run test:attacks -- --ours              this project's programs only; or --original
#   npm run test:attacks -- --seconds=60        how long each lasts; default: 10
# The exit status is 0 when this project's programs did as they should each time.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ "$(id -u)" -ne 0 ]; then
  echo 'test:attacks: needs root, for network namespaces' >&2
  exit 2
fi
. test/support/run-directory.sh
make_run_directory attacks

if [ ! -e node_modules/.package-lock.json ]; then npm ci --no-audit --no-fund --loglevel=error; fi
bash test/prepare-debian.sh
npm run --silent build

results=dist/attacks.jsonl
: >"$results"
status=0
TMPDIR=$run_directory MANDOS_TEST_RUN=$run PATH=$PATH:/usr/sbin:/sbin \
  node dist/test/attacks/long.js "$results" "$@" </dev/null || status=$?
node dist/test/attacks/table.js "$results" >dist/attacks.md
exit "$status"
