# Files that services take without a new container (`x-everfresh.reload`). Containers mount a copy below `live`, whose path does not
# depend on its content. The file `unloaded` lists the containers that may not have taken what is there now, one per line: service|id|
# since when it runs. One that was started later has read it as it started.

# Calls function $2 for each live file of release $1, with `live_tree` (its fingerprint), `live_path` and `live_services` set.
each_live_file() {
  each_live_function=$2
  run_calls "$1" live || :
}

live() { # fingerprint path service...
  [ "$calls" = live ] || return 0
  live_tree=$1 live_path=$2
  shift 2
  live_services=$(printf '%s\n' "$@")
  "$each_live_function"
}

# Whether the copy is what the release has. `./`: a name may begin with a dash.
is_in_place() {
  [ -e "$live_path" ] && [ "$(listing "store/$live_tree" "./${live_path##*/}")" = "$(listing "${live_path%/*}" "./${live_path##*/}")" ]
}

# The fingerprints of live files of release $1 that are not in place.
misplaced() { each_live_file "$1" say_misplaced; }
say_misplaced() { is_in_place || printf '%s\n' "$live_tree"; }

# Whether all containers have taken the live files of release $1.
has_loaded() { [ ! -s unloaded ] && [ -z "$(misplaced "$1")" ]; }

# Checks the new files of those services of $2 that are already running, each in a container of its own. Fails with `apply_fault`.
# When a release is put back, nothing is checked, because it has run with these files before.
check_new_files() { # $1 release, $2 services, one per line
  [ -z "$putting_back" ] || return 0
  files_to_check=''
  each_live_file "$1" add_misplaced
  files_to_check=$(printf '%s\n' "$files_to_check" | grep -xF -e "$2" | grep -vxF -e "$files_checked")
  [ -n "$files_to_check" ] || return 0
  files_release=$1
  run_calls "$1" check_files
  [ -z "$apply_fault" ]
}
add_misplaced() { is_in_place || files_to_check=$files_to_check$nl$live_services; }

check_files() { # service seconds word...
  [ "$calls$apply_fault" = check_files ] && printf '%s\n' "$files_to_check" | grep -qxF -e "$1" || return 0
  files_checked=$files_checked$nl$1
  [ -n "$(runs_of "$1")" ] || return 0
  files_service=$1 files_limit=$2
  shift 2
  say "$files_service: checking its new files"
  run_limited "$files_service" "check of its new files: $(title_of "$@")" "$files_limit" \
    in_own_container "$files_release" check.yaml "$files_service" check "$@" || :
}

# Puts those live files of release $1 in place that any of services $2 uses. Their containers then have to reload.
place_files() {
  place_for=$2 place_failed=''
  each_live_file "$1" place_file
  [ -z "$place_failed" ] || { echo "$folder/live: cannot be written; free some space" >>.run/up; return 1; }
}

place_file() {
  [ -z "$place_failed" ] && printf '%s\n' "$live_services" | grep -qxF -e "$place_for" && ! is_in_place || return 0
  keep_what_was_changed && note_unloaded &&
    copy_into "store/$live_tree/${live_path##*/}" "$live_path" && inode "$live_path" >"${live_path%/*}.inode" &&
    printf '%s\n' "$live_tree" >"${live_path%/*}.tree" || place_failed=1
  # A container may have been started since it was last observed, but before the file was in place.
  [ -n "$place_failed" ] || { observe_again && note_unloaded; } || place_failed=1
}

note_unloaded() {
  runs_of "$live_services" >>unloaded && flush unloaded
}

# Keeps a copy that somebody changed on this host.
keep_what_was_changed() {
  keep_key=${live_path%/*}
  keep_tree=$(contents "$keep_key.tree")
  [ -n "$keep_tree" ] && [ -d "store/$keep_tree" ] && [ -d "$keep_key" ] || return 0
  [ "$(listing "store/$keep_tree" .)" = "$(listing "$keep_key" .)" ] || {
    cp -pR "$keep_key" ".run/${keep_key##*/}" && move_aside ".run/${keep_key##*/}"
  }
}

# Makes file or folder $2 like $1. $2 itself stays if it can, because containers have mounted it. Each entry of a folder is replaced on
# its own.
copy_into() (
  umask 022
  mkdir -p "${2%/*}" || exit 1
  can_become "$1" "$2" || { remove_tree "$2" && cp -pR "$1" "$2"; exit; }
  [ -d "$1" ] || { cp -p "$1" "$2"; exit; }
  for entry in "$2"/* "$2"/.[!.]* "$2"/..?*; do
    [ -e "$1/${entry##*/}" ] || [ -L "$1/${entry##*/}" ] || remove_tree "$entry" || exit 1
  done
  for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    [ -e "$entry" ] || [ -L "$entry" ] || continue
    remove_tree "$2/.everfresh-new" && cp -pR "$entry" "$2/.everfresh-new" || exit 1
    [ -L "$2/${entry##*/}" ] || [ ! -d "$2/${entry##*/}" ] || remove_tree "$2/${entry##*/}" || exit 1
    mv -fT "$2/.everfresh-new" "$2/${entry##*/}" || exit 1
  done
)

# Whether file or folder $2 can be made like $1 without being replaced.
can_become() { [ -w "$2" ] && if [ -d "$1" ]; then [ -d "$2" ]; else [ -f "$2" ]; fi; }

# Containers see the file that was there when they started. If it has to be replaced, or if somebody has put another one in its
# place, they would not see new content, and must be recreated.
note_lost_files() { each_live_file "$1" note_lost_file; }
note_lost_file() {
  lost_record=$(contents "${live_path%/*}.inode")
  [ -z "$lost_record" ] ||
    { can_become "store/$live_tree/${live_path##*/}" "$live_path" && [ "$lost_record" = "$(inode "$live_path")" ]; } || {
    note_replaced "$live_tree"
    inode "$live_path" >"${live_path%/*}.inode"
  }
}

# Puts the remaining live files of release $1 in place, and reloads them in the containers that were there before.
take_new_files() {
  take_all=$(all_services "$1")
  check_new_files "$1" "$take_all" && place_files "$1" "$take_all" || return 1
  [ ! -s unloaded ] || run_calls "$1" reload || return 1
  [ -z "$apply_fault" ] && rm -f unloaded
}

reload() { # service seconds word...
  [ "$calls" = reload ] || return 0
  reload_service=$1 reload_limit=$2
  shift 2
  for reload_container in $(runs_of "$reload_service" | grep -xF -f unloaded | ids_in_runs); do
    [ -z "$apply_fault" ] || return 0
    say "reload $reload_service"
    run_limited "$reload_service" "reload: $(title_of "$@")" "$reload_limit" \
      docker_within "$reload_limit" exec "$reload_container" "$@" || return 0
  done
}

prune_live_files() {
  kept_live_files=''
  each_live_file "$release" keep_live_file
  for old in live/*; do
    [ -e "$old" ] && ! printf '%s\n' "$kept_live_files" | grep -qxF -e "${old%%.*}" || continue
    rm -rf "$old"
  done
}
keep_live_file() { kept_live_files=$kept_live_files$nl${live_path%/*}; }
