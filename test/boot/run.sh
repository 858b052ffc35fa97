#!/usr/bin/env bash
# npm run test:boot: machines with an encrypted root boot in QEMU, with this project's client, the original's and others.
# As root, on Debian 12 or later; an hour, half of it on a fast machine. `npm test` has the two most important boots.
#   npm run test:boot                   everything, and tables of times and sizes at the end
#   npm run test:boot -- bad-input      files of test/boot whose name has one of these in it
#   npm run test:boot -- --test-name-pattern=REGEX    options are node's
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly TIMEOUT_MS=1800000

if [ "$(id -u)" -ne 0 ]; then
  echo 'test:boot: needs root, for network namespaces and for trees of Debian' >&2
  exit 2
fi
. test/support/run-directory.sh
make_run_directory boot

if [ ! -e node_modules/.package-lock.json ]; then npm ci --no-audit --no-fund --loglevel=error; fi
bash test/prepare-debian.sh
npm run --silent build

options=()
names=()
for argument in "$@"; do
  case $argument in
  -*) options+=("$argument") ;;
  *) names+=("$argument") ;;
  esac
done
files=()
for file in dist/test/boot/*.test.js dist/test/boot/long/*.js; do
  wanted=$([ ${#names[@]} -gt 0 ] || echo yes)
  for name in "${names[@]}"; do [[ $file != *"$name"* ]] || wanted=yes; done
  [ -z "$wanted" ] || files+=("$file")
done
[ ${#files[@]} -gt 0 ] || { echo "test:boot: no file matches ${names[*]}" >&2; exit 2; }

mkdir "$run_directory/images" "$run_directory/tmp"
status=0
# One machine at a time: times are compared.
TMPDIR=$run_directory/tmp MANDOS_TEST_RUN=$run PATH=$PATH:/usr/sbin:/sbin \
  MANDOS_BOOT_IMAGES=$run_directory/images MANDOS_BOOT_RESULTS=$run_directory/results \
  node --test --test-concurrency=1 --test-timeout="$TIMEOUT_MS" --test-reporter=spec \
  "${options[@]}" "${files[@]}" </dev/null || status=$?
node dist/test/boot/table.js "$run_directory/results"
exit "$status"
