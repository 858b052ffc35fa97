# shellcheck shell=bash
# Sourced by what runs tests: a directory for the run, whose name everything of the run carries, so that all can be found
# again at the end: temporary files, network namespaces, and processes by their environment (MANDOS_TEST_RUN).

# make_run_directory NAME: sets run_directory and run, and removes what is left of the run when the shell ends.
make_run_directory() {
  run_directory=$(mktemp -d "${TMPDIR:-/tmp}/mandos-$1.XXXXXX")
  chmod 1777 "$run_directory" # as /tmp: servers under test change their user
  run=$(basename "$run_directory")
  trap remove_run EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

# The tests tidy up after themselves; this is for those that could not.
remove_run() {
  set +e # all of it, whatever there is to do
  run_processes | xargs -r kill -KILL 2>/dev/null
  run_namespaces | xargs -r -n 1 ip netns delete
  rm -rf "$run_directory"
}

run_processes() {
  grep -lsz "^MANDOS_TEST_RUN=$run\$" /proc/[0-9]*/environ | sed 's|/proc/\(.*\)/environ|\1|'
}

run_namespaces() {
  command -v ip >/dev/null && ip netns list 2>/dev/null | sed -n "s/^\($run-[^ ]*\).*/\1/p"
}
