# shellcheck shell=sh
# Which Pulumi: the official one, or its engine with the lab's stand-ins (lab/pulumi) where that cannot be had.
#
# One that is not on PATH gets a small launcher in .everfresh/bin, which scripts/env and scripts/environment.ts put in
# front of PATH.
: "${root:?is set by scripts/setup}" "${state:?is set by scripts/setup}" "${lib:?is set by scripts/setup}"

# The first that takes its flags from the environment, which the demo uses.
pulumi_oldest=3.208
other_ways="install Pulumi $pulumi_oldest or newer (https://www.pulumi.com/docs/install/), or let PULUMI_BUNDLE name an offline bundle"

# shellcheck source=scripts/lib/pulumi-official.sh
. "$lib/pulumi-official.sh"
# shellcheck source=scripts/lib/pulumi-stand-ins.sh
. "$lib/pulumi-stand-ins.sh"

set_up_pulumi() {
  [ -z "${PULUMI_BUNDLE:-}" ] || [ -r "$PULUMI_BUNDLE" ] ||
    fail "PULUMI_BUNDLE: $PULUMI_BUNDLE cannot be read; name an archive, or unset it"
  case ${EVERFRESH_PULUMI:-} in
    '') set_up_some_pulumi ;;
    official) set_up_official || fail "pulumi: $why; $other_ways" ;;
    standins) set_up_stand_ins ;;
    *) fail "EVERFRESH_PULUMI: $EVERFRESH_PULUMI is not a choice; set it to official or standins, or unset it" ;;
  esac
}

# The download is tried once in a checkout, not each time: where it failed, it takes its time to fail again.
set_up_some_pulumi() {
  if official_present || official_from_bundle; then
    use_official
  elif stand_ins_present; then
    use_stand_ins
  elif official_from_download; then
    use_official
  else
    say "pulumi: $why; taking its engine with the lab's stand-ins, for the demo and the tests only"
    set_up_stand_ins
  fi
}

# Notes why there is no official Pulumi.
unavailable() {
  why=$1
  return 1
}

write_launcher() {
  mkdir -p "$state/bin"
  printf '#!/bin/sh\n# Written by scripts/setup.\n%s\n' "$1" >"$state/bin/pulumi.new"
  chmod 755 "$state/bin/pulumi.new"
  mv "$state/bin/pulumi.new" "$state/bin/pulumi"
}

# Prints which version of @pulumi/$1 the program uses.
package_version() {
  node -p 'require(process.argv[1]).dependencies[process.argv[2]]' "$root/package.json" "@pulumi/$1"
}

# Prints e.g. linux-amd64; $1 is what the other side calls x86_64 (amd64, x64).
platform() {
  kernel=$(uname -s | tr '[:upper:]' '[:lower:]')
  case $(uname -m) in
    x86_64) printf '%s-%s\n' "$kernel" "$1" ;;
    aarch64 | arm64) printf '%s-arm64\n' "$kernel" ;;
    *) printf '%s-%s\n' "$kernel" "$(uname -m)" ;;
  esac
}
