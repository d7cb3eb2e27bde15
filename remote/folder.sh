# The project's folder on the host, and the lock on it. Everything runs with the folder as working directory.
#
#   releases/<id>/   compose.yaml, manifest.json, services, checks, facts, sums, files/ (links into the store),
#                    and once it was proved: proved (who, when, token, what ran) and result.json
#   store/<fp>/      what containers mount; never changes under its fingerprint
#   changed/         what was found changed in the store, as it was found
#   current          link to the release that was proved last
#   unfinished       there while containers are being changed; outlives a killed run
#   replaced         fingerprints of files that had been changed by hand: whose containers must not be kept
#   ledger.jsonl     one line per deployment
#   lock, holder     the kernel's lock and who holds it
#   .run/            this run's scratch, worthless without it

# Sets `base` (the folder of all projects) and `folder`; fails when there is no such project.
find_folder() {
  base=${remote_dir:-$HOME/.everfresh}
  case $base in
  [~]/*) base=$HOME/${base#??} ;;
  /*) ;;
  *) base=$HOME/$base ;;
  esac
  folder=$base/$project
  [ -d "$folder" ] && cd -P "$folder" && folder=$(pwd -P)
}

make_folder() {
  find_folder && return
  mkdir -p "$folder" && cd -P "$folder" && folder=$(pwd -P) ||
    refuse 1 "$folder: cannot be made; set remoteDir to a folder this user may write"
}

# Holds the lock until this process and every child of it (compose!) is gone: so a killed run never blocks the next
# one, and the next one never meets a compose that is still at work.
take_lock() {
  clock
  lock_until=$((ticks + lock_wait * 100)) lock_tries=0
  while :; do
    make_folder
    # A redirection that fails would end the shell without a word: hence first `touch`.
    touch lock 2>/dev/null && exec 9>>lock || refuse 1 "$folder/lock: cannot be written; free some space or check the folder's owner"
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
  printf '%s\n' "who $who" "from $from" "since $(utc)" "release ${release:-none}" "pid $$" 2>/dev/null >holder
  rm -rf .run .stage .current releases/.[!.]* && mkdir .run ||
    refuse 1 "$folder: cannot be written; free some space or check the folder's owner"
  trap 'rm -rf .run' EXIT
}

# shellcheck disable=SC2012 # numbers only; find and stat do not print an inode everywhere
inode() { ls -iL "$1" 2>/dev/null | awk '{ print $1 }'; }

# The holder of the lock, for people.
holder() {
  printf '%s on %s (release %s, since %s)' "$(field holder who)" "$(field holder from)" \
    "$(field holder release)" "$(field holder since)"
}

# Whether somebody holds the lock just now, without waiting for it.
is_locked() { [ -e lock ] && ! (exec 8<lock && flock -n -s 8) 2>/dev/null; }

# The release that was proved last; empty when there is none.
current_release() {
  current_link=$(readlink current 2>/dev/null) || return 0
  [ -f "$current_link/proved" ] && printf '%s' "${current_link##*/}"
  return 0
}
