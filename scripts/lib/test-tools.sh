# shellcheck shell=sh
# What the tests call beside what everfresh itself needs.

set_up_test_tools() {
  absent=
  for tool in shellcheck busybox dash git; do
    command -v "$tool" >/dev/null || absent="$absent $tool"
  done
  command -v ssh >/dev/null || absent="$absent openssh-client"
  [ -n "$absent" ] || return 0
  has_apt || fail "test tools: missing:$absent; install them"
  say "test tools: installing$absent"
  # shellcheck disable=SC2086 # several names
  apt_install "test tools" $absent
}
