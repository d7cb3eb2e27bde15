# shellcheck shell=sh
# Chooses the Pulumi to use: the official one, or if that cannot be had, its engine with the lab's stand-ins (lab/pulumi).
#
# A Pulumi that is not on PATH gets a small launcher in .everfresh/bin, which scripts/env and lab/pulumi/environment.ts put
# in front of PATH.
: "${root:?is set by scripts/setup}" "${state:?is set by scripts/setup}" "${lib:?is set by scripts/setup}"

# The first version that takes flags from the environment, as the demo needs.
pulumi_oldest=3.208
other_ways="install Pulumi $pulumi_oldest or newer (https://www.pulumi.com/docs/install/), or set PULUMI_BUNDLE to an offline bundle"

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

# Once the stand-ins are set up, the download is not tried again: failing can take a while.
set_up_some_pulumi() {
  if official_present || official_from_bundle; then
    use_official
  elif stand_ins_present; then
    use_stand_ins
  elif official_from_download; then
    use_official
  else
    say "pulumi: $why; using its engine with the lab's stand-ins instead, which is enough for the demo and the tests"
    set_up_stand_ins
  fi
}

# Remembers why the official Pulumi cannot be had. Returns 1.
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

# Prints the version of @pulumi/$1 in package.json.
package_version() {
  node -p 'require(process.argv[1]).dependencies[process.argv[2]]' "$root/package.json" "@pulumi/$1"
}

# Prints e.g. linux-amd64. $1 is the name to use for x86_64: amd64 or x64.
platform() {
  kernel=$(uname -s | tr '[:upper:]' '[:lower:]')
  case $(uname -m) in
    x86_64) printf '%s-%s\n' "$kernel" "$1" ;;
    aarch64 | arm64) printf '%s-arm64\n' "$kernel" ;;
    *) printf '%s-%s\n' "$kernel" "$(uname -m)" ;;
  esac
}
