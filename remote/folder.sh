# The project's folder on the host, and the lock on it. Everything runs with the folder as working directory.
#
#   releases/<id>/   compose.yaml, manifest.json, services, checks, facts, sums, files/ (links into the store),
#                    and once it was proved: proved (who, when, token, what ran) and result.json
#   store/<fp>/      what containers mount; never changes under its fingerprint
#   store/.owned/<fp>/  copies of what containers mount with an owner of its own (as-root.sh)
#   mounts/          what containers mount and write to (host-paths.sh); survives everything
#   changed/         what was found changed in the store, as it was found
#   current          link to the release that was proved last
#   unfinished       there while containers are being changed; outlives a killed run
#   replaced         fingerprints of files that had been changed by hand: whose containers must not be kept
#   finished         the one-shots that ended well: image id|configuration hash|exited|service
#   ledger.jsonl     one line per deployment
#   lock, holder     the kernel's lock and who holds it
#   .run/            this run's scratch, worthless without it

# Sets `base` (the folder of all projects), `folder` (whether or not there is one) and `folder_fact` (as docker's facts
# write it), and makes it the working directory; fails when there is no such project.
find_folder() {
  home=${HOME:-/}
  given=${remote_dir:-$home/.everfresh}
  case $given in
  [~]/*) given=$home/${given#??} ;;
  /*) ;;
  *) given=$home/$given ;;
  esac
  case $given in
  *:* | *"$nl"*) refuse 1 "$given: docker cannot mount files of a folder with a colon or a line end in its name; set remoteDir to another" ;;
  esac
  base=$(physical "$given") folder=$(physical "$given/$project") folder_fact=$(encoded "$folder")
  must_be_own "$given" "$base" "$given/$project" "$folder"
  [ -d "$folder" ] && cd -P "$folder" || return 1
}

# Path $1 without symbolic links, as far as it is there.
physical() {
  physical_above=$1 physical_below=''
  until [ -d "$physical_above" ]; do
    physical_below=/${physical_above##*/}$physical_below physical_above=${physical_above%/*}
    physical_above=${physical_above:-/}
  done
  physical_above=$(cd -P "$physical_above" && pwd -P) || physical_above=$1 physical_below=''
  printf '%s' "${physical_above%/}$physical_below"
}

# What lies in these folders is run: nobody else may put anything there. A link is judged by its owner, and a folder such as
# /tmp by the sticky bit, which keeps others from replacing what is not theirs.
must_be_own() {
  own_user=$(id -u) own_last=''
  for own; do
    [ "$own" != "$own_last" ] && { [ -e "$own" ] || [ -L "$own" ]; } || continue
    own_last=$own
    # shellcheck disable=SC2012 # mode and owner only; stat is not the same everywhere
    own_facts=$(ls -ldn "$own" | awk '{ print $1, $3; exit }')
    case $own_facts in
    *" 0" | *" $own_user") ;;
    *) refuse 1 "$own: belongs to somebody else (user ${own_facts#* }), and programs are run from it; set remoteDir to a folder of $(id -un)'s own" ;;
    esac
    case $own_facts in
    l* | d????????[tT]*) ;;
    ?????w* | ????????w*) refuse 1 "$own: others may write to it, and programs are run from it; run \`chmod go-w $own\` on the host" ;;
    esac
  done
}

make_folder() {
  find_folder && return
  make_said=$(mkdir -p "$folder" 2>&1) && find_folder && return
  [ -z "$make_said" ] || say "$make_said"
  refuse 1 "$folder: cannot be made; set remoteDir to a folder that $(id -un) may write"
}

# Moves what is not a $1 (`file` or `folder`) out of the way of the files or folders that follow: a deployment must not fail
# for ever because of what somebody made under such a name.
make_way() {
  way_kind=$1
  shift
  for way; do
    [ -e "$way" ] || [ -L "$way" ] || continue
    if [ "$way_kind" = file ]; then [ -f "$way" ]; else [ -d "$way" ]; fi || set_aside "$way" || return 1
  done
}

# Keeps $1 in `changed`: it may be wanted. The last ten stay.
set_aside() {
  aside=changed/$(date -u +%Y%m%dT%H%M%SZ)-$(printf '%.12s' "${1##*/}")
  if [ ! -d changed ]; then
    rm -rf .odd
    mv changed .odd
    mkdir changed || return 1
    mv .odd "$aside"
  fi
  [ "$1" = changed ] || mv "$1" "$aside" || return 1
  say "what was changed on this host is kept in $folder/$aside"
  # shellcheck disable=SC2010 # only our own names
  ls changed | grep '^[0-9T]*Z-' | sort -r | tail -n +11 | while read -r aside; do remove_tree "changed/$aside"; done
}

# Holds the lock until this process and every child of it (compose!) is gone: so a killed run never blocks the next
# one, and the next one never meets a compose that is still at work.
take_lock() {
  clock
  lock_until=$((ticks + lock_wait * 100)) lock_tries=0
  while :; do
    make_folder
    # A redirection that fails would end the shell without a word: hence first `touch`.
    make_way file lock && touch lock && chmod u+rw lock && exec 9>>lock || refuse 1 "$folder/lock: cannot be written; free some space or check the folder's owner"
    if flock -n 9; then
      # A teardown may have removed the very file while we waited for it.
      [ "$(inode lock)" = "$(inode /proc/self/fd/9)" ] && break
      continue
    fi
    clock
    if [ "$ticks" -ge "$lock_until" ]; then
      refuse 3 "$project: $(holder) is deploying here; try again, raise lockWait, or end it with \`everfresh unlock\`"
    fi
    # A probe looks at the lock for an instant: that is nothing to tell.
    lock_tries=$((lock_tries + 1))
    [ "$lock_tries" -ne 3 ] || say "waiting for $(holder)"
    nap
  done
  # Whatever became of its modes: it is our own.
  chmod u+rwX . ./*
  chmod u+rwX releases/*
  chmod u+rwX releases/*/*
  make_way folder changed releases store mounts && make_way file holder unfinished replaced finished ledger.jsonl &&
    { [ -L current ] || [ ! -d current ] || set_aside current; } ||
    refuse 1 "$folder: cannot be written; free some space or check the folder's owner"
  printf '%s\n' "who $who" "from $from" "since $(utc)" "release ${release:-none}" "pid $$" 2>/dev/null >holder
  rm -rf .run .stage .current releases/.[!.]* && mkdir .run ||
    refuse 1 "$folder: cannot be written; free some space or check the folder's owner"
  trap 'rm -rf .run' EXIT
}

# shellcheck disable=SC2012 # numbers only; find and stat do not print an inode everywhere
inode() { ls -iL "$1" 2>/dev/null | awk '{ print $1 }'; }

# The holder of the lock, for people.
holder() {
  holder_who=$(field holder who)
  printf '%s on %s (release %s, since %s)' "${holder_who:-somebody}" "$(field holder from)" \
    "$(field holder release)" "$(field holder since)"
}

# Whether somebody holds the lock just now, without waiting for it.
is_locked() { [ -f lock ] && ! (exec 8<lock && flock -n -s 8) 2>/dev/null; }

# The release that was proved last; empty when there is none.
current_release() {
  current_found=$(readlink current) || return 0
  current_found=${current_found#releases/}
  case $current_found in
  '' | *[!a-z0-9-]*) ;;
  *) [ ! -f "releases/$current_found/proved" ] || printf '%s' "$current_found" ;;
  esac
}

# Whose release $1 is: as its proof says, or the ledger where the proof is damaged. Empty when nobody can tell.
lineage_of() {
  lineage_found=$(field "releases/$1/proved" lineage)
  [ -n "$lineage_found" ] || [ ! -f ledger.jsonl ] ||
    lineage_found=$(grep -F "\"release\":\"$1\"" ledger.jsonl | grep '"outcome":"\(deployed\|unchanged\)"' | tail -n 1 |
      sed -n 's/.*"lineage":"\([^"]*\)".*/\1/p')
  printf '%s' "$lineage_found"
}
