# shellcheck shell=sh
# The Pulumi CLI and its provider plugins.
#
# A CLI that is there is used: on PATH, in $PULUMI_HOME, in ~/.pulumi. Else one is put into .everfresh/pulumi, a
# PULUMI_HOME of its own, from the offline bundle or the official release. One that is not on PATH gets a small
# launcher in .everfresh/bin, which scripts/env and scripts/environment.ts put in front of PATH.
: "${root:?is set by scripts/setup}" "${state:?is set by scripts/setup}" "${lib:?is set by scripts/setup}"

# The first that takes its flags from the environment, which the demo uses.
pulumi_oldest=3.208
pulumi_home=

set_up_pulumi() {
  [ -z "${PULUMI_BUNDLE:-}" ] || [ -r "$PULUMI_BUNDLE" ] ||
    fail "PULUMI_BUNDLE: $PULUMI_BUNDLE cannot be read; name an archive, or unset it"
  find_pulumi || install_pulumi
  set_up_plugins
}

# Sets $pulumi and $pulumi_home, and writes or removes the launcher. False when there is no CLI, or only old ones.
find_pulumi() {
  home=${PULUMI_HOME:-${HOME:-}/.pulumi}
  # Not the launcher itself, in case scripts/env was sourced before.
  on_path=$(PATH=$(printf '%s' "$PATH" | sed "s|$state/bin:||g") command -v pulumi || :)
  if usable "$on_path"; then
    pulumi=$on_path pulumi_home=$home
    rm -f "$state/bin/pulumi"
  elif usable "$home/bin/pulumi"; then
    pulumi=$home/bin/pulumi pulumi_home=$home
    write_launcher "exec \"$pulumi\" \"\$@\""
  elif usable "$state/pulumi/bin/pulumi"; then
    pulumi=$state/pulumi/bin/pulumi pulumi_home=$state/pulumi
    # shellcheck disable=SC2016 # the launcher finds its place itself: a checkout may be moved
    write_launcher 'PULUMI_HOME=$(cd "$(dirname "$0")/../pulumi" && pwd); export PULUMI_HOME; exec "$PULUMI_HOME/bin/pulumi" "$@"'
  else
    return 1
  fi
}

usable() {
  [ -n "$1" ] && [ -x "$1" ] || return 1
  found=$(PULUMI_SKIP_UPDATE_CHECK=1 "$1" version 2>/dev/null) || return 1
  at_least "$found" "$pulumi_oldest"
}

write_launcher() {
  mkdir -p "$state/bin"
  printf '#!/bin/sh\n# Written by scripts/setup.\n%s\n' "$1" >"$state/bin/pulumi.new"
  chmod 755 "$state/bin/pulumi.new"
  mv "$state/bin/pulumi.new" "$state/bin/pulumi"
}

install_pulumi() {
  need_disk 1000 "$root"
  fresh=$state/pulumi.new
  rm -rf "$fresh"
  mkdir -p "$fresh"
  if bundle=$(find_bundle); then
    say "pulumi: unpacking the offline bundle $bundle"
    unpack_bundle "$fresh"
  else
    say "pulumi: downloading the official release"
    download_release "$fresh"
  fi
  rm -rf "$state/pulumi"
  mv "$fresh" "$state/pulumi"
  find_pulumi || fail "pulumi: what was installed in $state/pulumi does not run here, or is older than $pulumi_oldest; remove it and install Pulumi yourself (https://www.pulumi.com/docs/install/)"
}

# Prints the archive: the one that PULUMI_BUNDLE names, else one for this kind of machine in ../shared/toolchain.
find_bundle() {
  if [ -n "${PULUMI_BUNDLE:-}" ]; then
    printf '%s\n' "$PULUMI_BUNDLE"
    return
  fi
  for archive in "$root"/../shared/toolchain/pulumi-*-"$(platform amd64)".tar.xz; do
    [ -r "$archive" ] || continue
    (cd "$(dirname "$archive")" && printf '%s/%s\n' "$PWD" "${archive##*/}")
    return
  done
  return 1
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

# Unpacks $bundle, or only some of it, into $1; its checksum is looked at where a list of them lies beside it.
unpack_bundle() {
  into=$1
  shift
  command -v xz >/dev/null || ! has_apt || apt_install pulumi xz-utils
  sums=$(dirname "$bundle")/SHA256SUMS
  if [ -r "$sums" ] && grep -q "[ *]${bundle##*/}\$" "$sums"; then
    (cd "$(dirname "$bundle")" && grep "[ *]${bundle##*/}\$" SHA256SUMS | sha256sum -c - >/dev/null 2>&1) ||
      fail "pulumi: $bundle is not what SHA256SUMS beside it says; fetch the archive again"
  fi
  tar -xJf "$bundle" -C "$into" "$@" || fail "pulumi: $bundle cannot be unpacked; fetch the archive again"
}

download_release() {
  ways="install Pulumi $pulumi_oldest or newer (https://www.pulumi.com/docs/install/), or let PULUMI_BUNDLE name an offline bundle, or put one into ../shared/toolchain/"
  version=$(package_version pulumi)
  url=${PULUMI_RELEASES:-https://get.pulumi.com/releases/sdk}/pulumi-v$version-$(platform x64).tar.gz
  # node is there for certain; curl may not be. Its fetch does not know the proxy variables, curl does.
  if command -v curl >/dev/null; then
    curl -fsSL --retry 2 -o "$1/release.tar.gz" "$url" 2>"$state/download.err"
  else
    node "$lib/download.js" "$url" "$1/release.tar.gz" 2>"$state/download.err"
  fi || fail "pulumi: not on PATH, no offline bundle, and the official release cannot be downloaded ($(tail -n 1 "$state/download.err")); $ways"
  mkdir "$1/bin"
  tar -xzf "$1/release.tar.gz" -C "$1/bin" --strip-components=1 || fail "pulumi: $url is no archive; $ways"
  rm "$1/release.tar.gz"
}

# Prints which version of @pulumi/$1 the program uses.
package_version() {
  node -p 'require(process.argv[1]).dependencies[process.argv[2]]' "$root/package.json" "@pulumi/$1"
}

# The provider plugins in the versions of package.json. The CLI would fetch them by itself, but in the middle of an up.
set_up_plugins() {
  missing=
  for plugin in command:$(package_version command) docker:$(package_version docker) random:$(package_version random); do
    [ -d "$pulumi_home/plugins/resource-${plugin%:*}-v${plugin#*:}" ] || missing="$missing $plugin"
  done
  [ -n "$missing" ] || return 0
  if bundle=$(find_bundle); then
    say "pulumi: unpacking provider plugins from $bundle"
    fresh=$state/plugins.new
    rm -rf "$fresh"
    mkdir -p "$fresh" "$pulumi_home/plugins"
    unpack_bundle "$fresh" plugins
    for plugin in $missing; do
      name=resource-${plugin%:*}-v${plugin#*:}
      [ ! -d "$fresh/plugins/$name" ] || mv "$fresh/plugins/$name" "$pulumi_home/plugins/"
    done
    rm -rf "$fresh"
  fi
  for plugin in $missing; do
    [ ! -d "$pulumi_home/plugins/resource-${plugin%:*}-v${plugin#*:}" ] || continue
    say "pulumi: downloading the provider plugin ${plugin%:*} ${plugin#*:}"
    PULUMI_HOME=$pulumi_home "$pulumi" plugin install resource "${plugin%:*}" "${plugin#*:}" ||
      fail "pulumi: the provider plugin ${plugin%:*} ${plugin#*:} cannot be downloaded; let PULUMI_BUNDLE name an offline bundle that has it"
  done
}
