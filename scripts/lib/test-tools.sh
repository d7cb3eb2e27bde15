# shellcheck shell=sh
# Installs the tools that only the tests need.

set_up_test_tools() {
  absent=
  for tool in shellcheck busybox dash zsh fish git curl ps:procps ssh:openssh-client xz:xz-utils; do
    command -v "${tool%:*}" >/dev/null || absent="$absent ${tool#*:}"
  done
  [ -n "$absent" ] || return 0
  has_apt || fail "test tools: missing:$absent; install them"
  say "test tools: installing$absent"
  # shellcheck disable=SC2086 # several names
  apt_install "test tools" $absent
}
