# shellcheck shell=sh
# The machine: root rights, packages, disk space.
: "${state:?is set by scripts/setup}"

# Allows one set-up at a time in a checkout. The kernel frees the lock however this process ends. Without flock (macOS), two
# at once only do the work twice, because whatever they install appears by a rename.
lock_checkout() {
  mkdir -p "$state"
  command -v flock >/dev/null || return 0
  exec 9>"$state/setup.lock"
  flock -n 9 && return 0
  say "waiting for another set-up in this checkout"
  flock 9
}

# Runs a command as root. $1 names the purpose, for the message if that is impossible.
as_root() {
  can_be_root "$1"
  shift
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

can_be_root() {
  [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
    fail "setup: $1 needs root, and there is no sudo; run this as root, or install it yourself"
}

# Prints e.g. `debian 12`, `ubuntu 24.04`, or the kernel's name on other systems.
system_release() {
  if [ "$(uname -s)" = Linux ] && [ -r /etc/os-release ]; then
    # shellcheck disable=SC1091 # the machine's own file
    (. /etc/os-release && printf '%s %s\n' "${ID:-linux}" "${VERSION_ID:-testing}")
  else
    uname -s
  fi
}

has_apt() {
  case $(system_release) in
    debian\ * | ubuntu\ *) command -v apt-get >/dev/null ;;
    *) false ;;
  esac
}

apt_lists_fresh=

apt_sources_changed() {
  apt_lists_fresh=
}

# Installs packages. $1 names the purpose. Options of apt-get may be among the names.
apt_install() {
  purpose=$1
  shift
  can_be_root "installing $purpose"
  need_disk 1500 /var
  log=$state/apt.log
  # Waits for another apt that may be running. The output matters only on failure.
  if ! { { [ "$apt_lists_fresh" ] || as_root "$purpose" apt-get -q update; } &&
    as_root "$purpose" env DEBIAN_FRONTEND=noninteractive \
      apt-get -q -y -o DPkg::Lock::Timeout=600 install --no-install-recommends "$@"; } >"$log" 2>&1; then
    fail "$purpose: apt-get failed; fix this and run it again (the whole output is in $log):
$({ grep -E '^(E|W|Err|dpkg|sudo)' "$log" || cat "$log"; } | tail -n 5)"
  fi
  apt_lists_fresh=yes
}

# Prints the Debian mirror that this machine uses, or nothing on other systems.
debian_mirror() {
  # shellcheck disable=SC2016 # apt fills these in
  apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' 'Created-By: Packages' 2>/dev/null |
    awk '$2 == "Debian" && $3 == "Debian" { print $1; exit }'
}

# Fails unless $1 MB are free on the disk of $2.
need_disk() {
  free=$(df -Pk "$2" | awk 'NR == 2 { print int($4 / 1024) }')
  [ "$free" -ge "$1" ] || fail "setup: only $free MB are free on $2, and $1 MB are needed; make room"
}

# Runs a command that might hang, for at most $1 seconds if there is `timeout`.
within() {
  seconds=$1
  shift
  if command -v timeout >/dev/null; then timeout "$seconds" "$@"; else "$@"; fi
}

# Repeats a command every 0.2 s, for up to $1 seconds, until it succeeds.
until_it_does() {
  tries=$(($1 * 5))
  shift
  while ! "$@"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.2
  done
}

# Succeeds if version $1 (v1.2.3, 1.2.3-4, …) is $2 (1.2, 1.2.3) or newer.
at_least() {
  printf '%s %s\n' "${1#v}" "$2" | awk '{
    parts = split($2, want, "."); split($1, have, /[.+-]/)
    for (i = 1; i <= parts; i++) if (have[i] + 0 != want[i] + 0) exit !(have[i] + 0 > want[i] + 0)
  }'
}
