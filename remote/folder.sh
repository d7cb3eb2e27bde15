# The project's folder on the host, and its lock. Everything runs with the folder as the working directory.
#
#   releases/<id>/   compose.yaml, manifest.json, services, checks, facts, sums, files/ (links into the store),
#                    and once proved: proved (who, when, token, what ran) and result.json
#   store/<fp>/      what containers mount; never changes under its fingerprint
#   store/.owned/<fp>/  copies of files that containers mount with their own owner (as-root.sh)
#   mounts/          what containers mount and write to (host-paths.sh); survives everything but a teardown with volumes
#   changed/         whatever was found changed in the store, unmodified
#   current          link to the release that was proved last
#   unfinished       exists while containers are being changed; outlives a killed run
#   replaced         fingerprints of files that had been changed by hand: containers that mount them must not be kept
#   finished         the one-shots that succeeded: image id|configuration hash|exited|service
#   ledger.jsonl     one line per deployment
#   lock, holder     the kernel's lock, and who holds it
#   .lent-<stack>    a registry's address and login, as long as the deployer lends it (lend.sh)
#   .run/            this run's scratch files

# Sets `base` (the folder of all projects), `folder` (this project's, whether or not it exists) and `folder_fact` (its path as
# docker's facts spell it), and enters the project's folder. Fails if it does not exist.
find_folder() {
  home=${HOME:-/}
  given=${remote_dir:-$home/.everfresh}
  case $given in
  [~]/*) given=$home/${given#??} ;;
  /*) ;;
  *) given=$home/$given ;;
  esac
  case $given in
  *:* | *"$nl"*) refuse 1 "$given: docker cannot mount files from a folder with a colon or a line break in its name; set remoteDir to another folder" ;;
  esac
  base=$(physical "$given") folder=$(physical "$given/$project") folder_fact=$(encoded "$folder")
  must_be_own "$given" "$base" "$given/$project" "$folder"
  [ -d "$folder" ] && cd -P "$folder" || return 1
}

# Path $1 without symbolic links, as far as it exists.
physical() {
  physical_above=$1 physical_below=''
  until [ -d "$physical_above" ]; do
    physical_below=/${physical_above##*/}$physical_below physical_above=${physical_above%/*}
    physical_above=${physical_above:-/}
  done
  physical_above=$(cd -P "$physical_above" && pwd -P) || physical_above=$1 physical_below=''
  printf '%s' "${physical_above%/}$physical_below"
}

# Programs are run from these folders, so nobody else may be able to write there. A link is judged by its owner. A folder such as
# /tmp is fine: its sticky bit keeps others from replacing what is not theirs.
must_be_own() {
  own_user=$(id -u) own_last=''
  for own; do
    [ "$own" != "$own_last" ] && { [ -e "$own" ] || [ -L "$own" ]; } || continue
    own_last=$own
    # shellcheck disable=SC2012 # mode and owner only; stat is not the same everywhere
    own_facts=$(ls -ldn "$own" | awk '{ print $1, $3; exit }')
    case $own_facts in
    *" 0" | *" $own_user") ;;
    *) refuse 1 "$own: belongs to another user (uid ${own_facts#* }), and programs are run from it; set remoteDir to a folder that $(id -un) owns" ;;
    esac
    case $own_facts in
    l* | d????????[tT]*) ;;
    ?????w* | ????????w*) refuse 1 "$own: others can write to it, and programs are run from it; run \`chmod go-w $own\` on the host" ;;
    esac
  done
}

make_folder() {
  find_folder && return
  make_error=$(mkdir -p "$folder" 2>&1) && find_folder && return
  [ -z "$make_error" ] || say "$make_error"
  refuse 1 "$folder: cannot be created; set remoteDir to a folder that $(id -un) can write to"
}

# Moves anything that has one of these names but is not a $1 (`file` or `folder`) to `changed`. Otherwise every deployment would
# fail because of something that somebody once created under that name.
move_aside_unless() {
  aside_kind=$1
  shift
  for aside_name; do
    [ -e "$aside_name" ] || [ -L "$aside_name" ] || continue
    if [ "$aside_kind" = file ]; then [ -f "$aside_name" ]; else [ -d "$aside_name" ]; fi || move_aside "$aside_name" || return 1
  done
}

# Moves $1 to `changed`, which keeps the last ten in case somebody wants them.
move_aside() {
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

# Holds the lock until this process and all its children (compose!) are gone, so that a killed run never blocks the next one, and
# the next one never meets a compose that is still running.
take_lock() {
  clock
  lock_until=$((ticks + lock_wait * 100)) lock_tries=0
  while :; do
    make_folder
    # `touch` first, because a failed redirection would end the shell without a message.
    move_aside_unless file lock && touch lock && chmod u+rw lock && exec 9>>lock ||
      refuse 1 "$folder/lock: cannot be written; free some space or check the folder's owner"
    if flock -n 9; then
      # A teardown may have removed this file while we waited for it.
      [ "$(inode lock)" = "$(inode /proc/self/fd/9)" ] && break
      continue
    fi
    clock
    if [ "$ticks" -ge "$lock_until" ]; then
      refuse 3 "$project: $(holder) is deploying here; try again, raise lockWait, or end it with \`everfresh unlock\`"
    fi
    # A probe holds the lock for an instant, which is not worth reporting.
    lock_tries=$((lock_tries + 1))
    [ "$lock_tries" -ne 3 ] || say "waiting for $(holder)"
    nap
  done
  prepare_folder
  trap 'rm -rf .run' EXIT
}

# Makes the folder usable whatever state it is in, records who holds the lock, and removes the scratch files of killed runs.
prepare_folder() {
  chmod u+rwX . ./*
  chmod u+rwX releases/*
  chmod u+rwX releases/*/*
  move_aside_unless folder changed releases store mounts live && move_aside_unless file holder unfinished replaced finished ran unloaded ledger.jsonl &&
    { [ -L current ] || [ ! -d current ] || move_aside current; } ||
    refuse 1 "$folder: cannot be written; free some space or check the folder's owner"
  printf '%s\n' "who $who" "from $from" "since $(utc)" "release ${release:-none}" "pid $$" 2>/dev/null >holder
  rm -rf .run .stage .current releases/.[!.]* && mkdir .run ||
    refuse 1 "$folder: cannot be written; free some space or check the folder's owner"
}

# shellcheck disable=SC2012 # numbers only; find and stat do not print an inode everywhere
inode() { ls -iL "$1" 2>/dev/null | awk '{ print $1 }'; }

# The holder of the lock, for messages.
holder() {
  holder_who=$(field holder who)
  printf '%s on %s (release %s, since %s)' "${holder_who:-somebody}" "$(field holder from)" \
    "$(field holder release)" "$(field holder since)"
}

# Whether somebody holds the lock now; does not wait for it.
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

# The lineage of release $1 from its proof or, if that is damaged, from the ledger. Empty if neither tells.
lineage_of() {
  lineage_found=$(field "releases/$1/proved" lineage)
  [ -n "$lineage_found" ] || [ ! -f ledger.jsonl ] ||
    lineage_found=$(grep -F "\"release\":\"$1\"" ledger.jsonl | grep '"outcome":"\(deployed\|unchanged\)"' | tail -n 1 |
      sed -n 's/.*"lineage":"\([^"]*\)".*/\1/p')
  printf '%s' "$lineage_found"
}

# Whether another stack deployed the current release; prints which.
deployed_by_another_stack() {
  [ -n "$previous" ] && another_lineage=$(lineage_of "$previous") && [ -n "$another_lineage" ] &&
    [ "$another_lineage" != "$lineage" ] || return 1
  printf '%s' "release $previous was deployed here at $(field current/proved at) by $(field current/proved who) from $(field current/proved from), stack $(field current/proved stack), which has another Pulumi state"
}

# Whether the stack has since deployed to this machine under another name, as when a host is renamed: the old name's resources are
# removed after the new name's are created. Prints which.
deployed_by_another_entry() {
  [ -n "$previous" ] && another_host=$(field current/proved host) && [ -n "$another_host" ] && [ "$another_host" != "$host" ] || return 1
  printf 'this machine is now host %s' "$another_host"
}

# Notes that containers have seen changed files of fingerprint $1: those containers must not be kept.
note_replaced() { printf '%s\n' "$1" >>replaced && flush replaced; }
