# shellcheck shell=sh
# The official Pulumi: a CLI with the Node.js language host, and the provider plugins.
#
# A CLI on PATH, in $PULUMI_HOME or in ~/.pulumi is used as it is. Otherwise one is installed into .everfresh/pulumi, a
# PULUMI_HOME of its own, from an offline bundle or the official release.
: "${root:?is set by scripts/setup}" "${state:?is set by scripts/setup}" "${lib:?is set by scripts/setup}" "${pulumi_oldest:?is set by pulumi.sh}"

pulumi_home=

set_up_official() {
  official_present || official_from_bundle || official_from_download || return 1
  use_official
}

# Succeeds if all of it is here: nothing should have to be downloaded in the middle of an `up`.
official_present() {
  find_cli && [ "$(missing_plugins)" = "" ]
}

official_from_bundle() {
  bundle=$(find_bundle) || return 1
  find_cli || install_cli "unpacking the offline bundle $bundle" unpack_bundle
  [ "$(missing_plugins)" = "" ] || plugins_from_bundle
  official_present
}

official_from_download() {
  find_cli || install_cli "downloading the official release" download_release || return 1
  for plugin in $(missing_plugins); do
    say "pulumi: downloading the provider plugin ${plugin%:*} ${plugin#*:}"
    PULUMI_HOME=$pulumi_home within 300 "$pulumi" plugin install resource "${plugin%:*}" "${plugin#*:}" >"$state/plugin.log" 2>&1 && continue
    unavailable "the provider plugin ${plugin%:*} ${plugin#*:} cannot be downloaded ($(tail -n 1 "$state/plugin.log"))"
    return
  done
}

# Writes the launcher, or removes it if the CLI is on PATH. The launcher for .everfresh/pulumi has no absolute path, because a
# checkout may be moved.
use_official() {
  # shellcheck disable=SC2016 # for the launcher to fill in
  case $pulumi in
    "$state"/*) write_launcher 'PULUMI_HOME=$(cd "$(dirname "$0")/../pulumi" && pwd); export PULUMI_HOME; exec "$PULUMI_HOME/bin/pulumi" "$@"' ;;
    "$on_path") rm -f "$state/bin/pulumi" ;;
    *) write_launcher "exec \"$pulumi\" \"\$@\"" ;;
  esac
  remember_pulumi "official $(version_of "$pulumi")"
}

# Sets $pulumi and $pulumi_home. Fails if there is no CLI that is new enough and has its language host.
find_cli() {
  home=${PULUMI_HOME:-${HOME:-}/.pulumi}
  # Skips the launcher, which is on PATH if scripts/env was sourced.
  on_path=$(PATH=$(printf '%s' "$PATH" | sed "s|$state/bin:||g") command -v pulumi || :)
  for pulumi in "$on_path" "$home/bin/pulumi" "$state/pulumi/bin/pulumi"; do
    { [ -x "$pulumi" ] && at_least "$(version_of "$pulumi")" "$pulumi_oldest" && has_language_host; } || continue
    case $pulumi in
      "$state"/*) pulumi_home=$state/pulumi ;;
      *) pulumi_home=$home ;;
    esac
    return 0
  done
  return 1
}

# Prints e.g. 3.259.0, or nothing if it does not run here.
version_of() {
  number=$(PULUMI_SKIP_UPDATE_CHECK=1 "$1" version 2>/dev/null) || return 0
  printf '%s\n' "${number#v}"
}

# The CLI needs it to run programs. A CLI built with `go install` comes without.
has_language_host() {
  command -v pulumi-language-nodejs >/dev/null ||
    [ -x "$(dirname "$pulumi")/pulumi-language-nodejs" ] ||
    [ -x "$(dirname "$(readlink -f "$pulumi" || :)")/pulumi-language-nodejs" ]
}

# $1 announces the step. $2 is a function that puts bin/pulumi and the rest into the folder it is given.
install_cli() {
  need_disk 1000 "$root"
  say "pulumi: $1"
  fresh=$state/pulumi.new
  rm -rf "$fresh"
  mkdir -p "$fresh"
  "$2" "$fresh" || {
    rm -rf "$fresh"
    return 1
  }
  rm -rf "$state/pulumi"
  mv "$fresh" "$state/pulumi"
  find_cli || fail "pulumi: what was installed in $state/pulumi does not run here, or is older than $pulumi_oldest; remove it and install Pulumi yourself (https://www.pulumi.com/docs/install/)"
}

# Prints the path of the bundle: $PULUMI_BUNDLE, or one for this platform in ../shared/toolchain.
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

# Unpacks $bundle, or only the members given, into $1. Its checksum is verified if there is a SHA256SUMS beside it.
unpack_bundle() {
  into=$1
  shift
  command -v xz >/dev/null || ! has_apt || apt_install pulumi xz-utils
  sums=$(dirname "$bundle")/SHA256SUMS
  if [ -r "$sums" ] && grep -q "[ *]${bundle##*/}\$" "$sums"; then
    (cd "$(dirname "$bundle")" && grep "[ *]${bundle##*/}\$" SHA256SUMS | sha256sum -c - >/dev/null 2>&1) ||
      fail "pulumi: $bundle does not match the SHA256SUMS beside it; fetch the archive again"
  fi
  tar -xJf "$bundle" -C "$into" "$@" || fail "pulumi: $bundle cannot be unpacked; fetch the archive again"
}

download_release() {
  version=$(package_version pulumi)
  url=${PULUMI_RELEASES:-https://get.pulumi.com/releases/sdk}/pulumi-v$version-$(platform x64).tar.gz
  # curl may be missing, node is not. curl is preferred because fetch ignores the proxy variables.
  if command -v curl >/dev/null; then
    # Gives up within seconds if the server does not answer or sends next to nothing.
    curl -fsSL --retry 2 --retry-max-time 5 --connect-timeout 5 --speed-limit 1000 --speed-time 10 -o "$1/release.tar.gz" "$url" 2>"$state/download.err"
  else
    node "$lib/download.js" "$url" "$1/release.tar.gz" 2>"$state/download.err"
  fi || {
    unavailable "not on PATH, no offline bundle, and the official release cannot be downloaded ($(tail -n 1 "$state/download.err"))"
    return
  }
  mkdir "$1/bin"
  tar -xzf "$1/release.tar.gz" -C "$1/bin" --strip-components=1 2>/dev/null || {
    unavailable "not on PATH, no offline bundle, and $url is not an archive"
    return
  }
  rm "$1/release.tar.gz"
}

# Prints the missing provider plugins as name:version, with the versions of package.json.
missing_plugins() {
  for name in command docker random; do
    version=$(package_version $name)
    [ -d "$pulumi_home/plugins/resource-$name-v$version" ] || printf '%s:%s\n' "$name" "$version"
  done
}

plugins_from_bundle() {
  say "pulumi: unpacking provider plugins from $bundle"
  fresh=$state/plugins.new
  rm -rf "$fresh"
  mkdir -p "$fresh" "$pulumi_home/plugins"
  unpack_bundle "$fresh" plugins
  for plugin in $(missing_plugins); do
    name=resource-${plugin%:*}-v${plugin#*:}
    [ ! -d "$fresh/plugins/$name" ] || mv "$fresh/plugins/$name" "$pulumi_home/plugins/"
  done
  rm -rf "$fresh"
}
