# shellcheck shell=sh
# The machine: who we are on it, its packages, its disk.
: "${state:?is set by scripts/setup}"

# One set-up at a time in a checkout. The kernel frees the lock however this process ends. Where there is no flock
# (macOS) two at once do no harm but work done twice: whatever is installed appears by a rename.
lock_checkout() {
  mkdir -p "$state"
  command -v flock >/dev/null || return 0
  exec 9>"$state/setup.lock"
  flock -n 9 && return 0
  say "waiting for another set-up in this checkout"
  flock 9
}

# Runs a command as root. $1 says what for, should that be impossible.
as_root() {
  can_be_root "$1"
  shift
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

can_be_root() {
  [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
    fail "setup: $1 needs root, and there is no sudo; run this as root, or install it yourself"
}

# Prints e.g. `debian 12`, `ubuntu 24.04`, or the kernel's name where there is no such release.
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

# Installs packages. $1 is what for; options of apt-get may stand among the names.
apt_install() {
  purpose=$1
  shift
  can_be_root "installing $purpose"
  need_disk 1500 /var
  log=$state/apt.log
  # Another apt may be at work: wait for it. Its output matters only when it fails.
  if ! { { [ "$apt_lists_fresh" ] || as_root "$purpose" apt-get -q update; } &&
    as_root "$purpose" env DEBIAN_FRONTEND=noninteractive \
      apt-get -q -y -o DPkg::Lock::Timeout=600 install --no-install-recommends "$@"; } >"$log" 2>&1; then
    fail "$purpose: apt-get failed; mend this and run it again (all of it is in $log):
$({ grep -E '^(E|W|Err|dpkg|sudo)' "$log" || cat "$log"; } | tail -n 5)"
  fi
  apt_lists_fresh=yes
}

# The mirror this machine gets Debian from. Prints nothing on other systems.
debian_mirror() {
  # shellcheck disable=SC2016 # apt fills these in
  apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' 'Created-By: Packages' 2>/dev/null |
    awk '$2 == "Debian" && $3 == "Debian" { print $1; exit }'
}

# Fails unless $1 MB are free where $2 lies.
need_disk() {
  free=$(df -Pk "$2" | awk 'NR == 2 { print int($4 / 1024) }')
  [ "$free" -ge "$1" ] || fail "setup: only $free MB are free on $2, and $1 MB are needed; make room"
}

# Runs a command that might hang, for at most $1 seconds where the system can do that.
within() {
  seconds=$1
  shift
  if command -v timeout >/dev/null; then timeout "$seconds" "$@"; else "$@"; fi
}

# Asks every 0.2 s, up to $1 seconds, until the command succeeds.
until_it_does() {
  tries=$(($1 * 5))
  shift
  while ! "$@"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.2
  done
}

# True when version $1 (v1.2.3, 1.2.3-4, …) is $2 (1.2, 1.2.3) or newer.
at_least() {
  printf '%s %s\n' "${1#v}" "$2" | awk '{
    parts = split($2, want, "."); split($1, have, /[.+-]/)
    for (i = 1; i <= parts; i++) if (have[i] + 0 != want[i] + 0) exit !(have[i] + 0 > want[i] + 0)
  }'
}
