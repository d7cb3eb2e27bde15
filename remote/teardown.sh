# teardown: removes this project from the host, and nothing else.

teardown() {
  if ! find_folder; then
    teardown_ids=$(container_ids 2>/dev/null) || refuse_engine
    [ -n "$teardown_ids" ] || { say "$project: nothing here"; return; }
  fi
  take_lock
  previous=$(current_release) present=''
  look || refuse_engine
  teardown_owner=$(foreign) || teardown_owner=$(another_entry) || teardown_owner=''
  [ -z "$teardown_owner" ] || { say "$project: left alone; $teardown_owner"; return; }
  say "removing the containers and networks of $project"
  teardown_ids=$(printf '%s\n' "$present" | cut -d '|' -f 1)
  # shellcheck disable=SC2086 # one word per id
  [ -z "$teardown_ids" ] || docker_in 120 stop $teardown_ids >/dev/null 2>&1 || :
  remove_all container ps -a -q && remove_all network network ls -q &&
    { [ -z "$with_volumes" ] || remove_all volume volume ls -q; } || refuse 1 "$reason; remove what uses it and try again"
  teardown_images=$(built_images releases/*/services) prune_bytes=0
  # From here on nothing of this project names its images any more.
  rm -rf releases store current unfinished replaced .stage
  remove_images "$teardown_images $(orphaned_images)"
  cd "$base" && rm -rf "${folder:?}" || refuse 1 "$folder: cannot be removed; remove it by hand"
  say "removed"
}

# Whether the stack has another entry for this machine that has deployed here since, as when a host is renamed: its
# resources go after those of the new name have come.
another_entry() {
  another=$(field current/proved host)
  [ -n "$another" ] && [ "$another" != "$host" ] && printf 'this machine is %s now' "$another"
}

# Removes the project's objects of kind $1, listed by the docker command that follows; fails with `reason`.
remove_all() {
  remove_kind=$1
  shift
  remove_ids=$(engine "$@" --filter "label=com.docker.compose.project=$project") || {
    reason="docker does not answer"
    return 1
  }
  [ -n "$remove_ids" ] || return 0
  remove_force=''
  [ "$remove_kind" != container ] || remove_force=-f
  # shellcheck disable=SC2086 # one word per id, and a flag or none
  remove_said=$(docker_in 120 "$remove_kind" rm $remove_force $remove_ids 2>&1) || {
    reason="docker $remove_kind rm: $(printf '%s' "$remove_said" | tail -n 1)"
    return 1
  }
}
