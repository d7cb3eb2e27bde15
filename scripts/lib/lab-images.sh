# shellcheck shell=sh
# Builds the images of the lab's hosts, for the engines that `npm test` uses. A package that cannot be downloaded then fails
# the set-up, and not some test.
: "${root:?is set by scripts/setup}"

set_up_lab_images() {
  missing=$(lab_images --missing stable newest) || exit 1
  [ -n "$missing" ] || return 0
  # shellcheck disable=SC2086 # one word per engine
  set -- $missing
  say "lab: building the images of its hosts (engines: $*)"
  need_disk 2000 /var
  lab_images "$@" || exit 1
}

lab_images() {
  "$root/node_modules/.bin/tsx" "$root/lab/main.ts" images "$@"
}
