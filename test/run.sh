#!/bin/bash
# `npm test`: installs and builds what is missing, lints, and runs the tests.
#   npm test                    everything
#   npm test -- keygen dbus/    test files whose name has one of these in it
#   npm test -- --test-name-pattern=REGEX    options are node's
# What this machine or user cannot run is skipped and listed at the end; with CI=true that is a failure. The exit
# status is 0 when everything that ran was right and nothing was left behind.
set -uo pipefail
cd "$(dirname "$0")/.."

# A test that hangs must not hang the run: far above what the slowest file takes.
readonly TIMEOUT_MS=1200000
# How long what the tests started may take to notice that they are over.
readonly LEFTOVER_SECONDS=10

ci=${CI:-false}
failures=() # said at the end
failed() { failures+=("$1"); }
heading() { printf '\n== %s\n' "$1"; }

. test/support/run-directory.sh
make_run_directory test
results=$(mktemp -d)

leftovers() {
  for pid in $(run_processes); do
    echo "process $pid: $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline")"
  done
  run_namespaces | sed 's/^/network namespace /'
  sed -n "s|^[^ ]* [^ ]* [^ ]* [^ ]* \([^ ]*/$run/[^ ]*\) .*|mount \1|p" /proc/self/mountinfo
  find "$run_directory" -mindepth 1 -maxdepth 1 -printf 'file %p\n'
}
finish() {
  remove_run
  rm -rf "$results"
  # After `sudo npm test` the user must be able to build again.
  [ "$(id -u)" -ne 0 ] || chown -R --reference=. dist node_modules 2>/dev/null
}
trap finish EXIT

if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  heading 'Installing the npm packages'
  npm ci --no-audit --no-fund --loglevel=error || exit 1
fi
if [ "$(id -u)" -eq 0 ] && [ -e /etc/debian_version ] && command -v apt-get >/dev/null; then
  bash test/prepare-debian.sh || failed 'installing the Debian packages for the tests'
fi

heading 'Building'
rm -rf dist/test # tsc leaves the output of sources that are gone
npm run --silent build || failed 'npm run build'
heading 'Lint'
npm run --silent lint || failed 'npm run lint'

heading 'Tests'
node_options=()
names=()
for argument in "$@"; do
  case $argument in
    -*) node_options+=("$argument") ;;
    *) names+=("$argument") ;;
  esac
done
is_wanted() {
  [ ${#names[@]} -gt 0 ] || return 0
  for name in "${names[@]}"; do
    [[ $1 != *"$name"* ]] || return 0
  done
  return 1
}
files=()
while read -r file; do
  if is_wanted "${file#dist/test/}"; then files+=("$file"); fi
done < <(find dist/test -name '*.test.js' | sort)

if [ ${#files[@]} -eq 0 ]; then
  failed "no test file to run${names[*]:+ matches ${names[*]}}"
else
  # The closing summary is kept for the end.
  colour='(\x1b\[[0-9;]*m)*'
  counts="^$colourℹ (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [0-9.]+$colour\$"
  TMPDIR=$run_directory MANDOS_TEST_RUN=$run PATH=$PATH:/usr/sbin:/sbin node --test \
    --test-concurrency=2 --test-timeout="$TIMEOUT_MS" \
    --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=tap --test-reporter-destination="$results/tap" \
    "${node_options[@]}" "${files[@]}" </dev/null |
    sed -u -E -e "/$counts/{w $results/summary" -e 'd}'
  [ "${PIPESTATUS[0]}" -eq 0 ] || failed 'tests'
fi

for ((i = 0; i < LEFTOVER_SECONDS; i++)); do
  [ -n "$(leftovers)" ] || break
  sleep 1
done
left=$(leftovers)
[ -z "$left" ] || failed "left behind by tests:"$'\n'"$left"

# A skipped test's line in TAP: `ok 3 - name # SKIP reason`.
skipped=$(sed -n -E 's/^ *ok [0-9]+ - (.*) # SKIP ?(.*)$/  \1: \2/p' "$results/tap" 2>/dev/null)
if [ -n "$skipped" ] && [ "$ci" = true ]; then failed 'tests were skipped, and CI=true forbids that'; fi

print_skipped() {
  [ -n "$skipped" ] || return 0
  heading "Skipped: $(wc -l <<<"$skipped") tests"
  printf '%s\n' "$skipped"
  if [ "$(id -u)" -ne 0 ]; then
    echo 'To run them too (on Debian, this installs what they need): sudo npm test'
  else
    echo 'To run them too: npm test on Debian 12 or later, as root'
  fi
}
print_failures() {
  [ ${#failures[@]} -gt 0 ] || return 0
  heading 'Failed'
  printf '%s\n' "${failures[@]}"
}
print_summary() {
  echo
  tail -n 8 "$results/summary" 2>/dev/null
}
if [ "$ci" = true ]; then
  print_skipped
  print_failures
  print_summary # last, for those who read a log from its end
else
  print_summary
  print_failures
  print_skipped
fi
[ ${#failures[@]} -eq 0 ]
