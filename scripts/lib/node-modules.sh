# shellcheck shell=sh
# Checks node, and installs the npm packages of package-lock.json.
: "${root:?is set by scripts/setup}" "${lib:?is set by scripts/setup}"

set_up_node_modules() {
  command -v node >/dev/null || fail "node: not on PATH; install Node.js 20.19 or newer"
  at_least "$(node --version)" 20.19 || fail "node: $(node --version) is too old; install Node.js 20.19 or newer"
  node "$lib/node-modules-current.js" "$root" && return 0
  say "node modules: installing the packages of package-lock.json (npm ci)"
  need_disk 500 "$root"
  (cd "$root" && npm ci --loglevel=error --no-update-notifier) || fail "node modules: npm ci failed; see above"
}
