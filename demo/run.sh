#!/usr/bin/env bash
# npm run demo: installs and builds what is missing, then shows the main job. Needs Node.js 20 or later; no root.
set -euo pipefail
cd "$(dirname "$0")/.."

major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
if [ "$major" -lt 20 ]; then
  echo "demo: error: Node.js 20 or later is needed; this is $(node --version)" >&2
  exit 1
fi

if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo 'Installing dependencies (npm ci) ...'
  npm ci --loglevel=error
fi
newer=$(find common server client-plugin demo tsconfig.json -newer dist/demo/demo.js -print -quit 2>/dev/null || echo missing)
if [ ! -e dist/demo/demo.js ] || [ -n "$newer" ]; then
  echo 'Building (npm run build) ...'
  npm run --silent build
fi

# A private network, as an unprivileged user: nothing can reach the machine's own interfaces from in there.
# --kill-child and the process namespace end everything with the demo, however it ends.
in_namespace='unshare --user --map-root-user --net --mount --pid --fork --kill-child --mount-proc'
link_test='ip link add mandos-demo0 type veth peer name mandos-demo1'
if $in_namespace sh -c "$link_test" 2>/dev/null; then
  exec $in_namespace node dist/demo/demo.js --network=private
fi
exec node dist/demo/demo.js --network=loopback
