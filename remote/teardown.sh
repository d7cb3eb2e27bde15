# teardown: removes this project from the host, and nothing else.

teardown() {
  if ! find_folder; then
    teardown_ids=$(container_ids 2>/dev/null) || refuse_engine
    [ -n "$teardown_ids" ] || { say "$project: nothing here"; return; }
  fi
  take_lock
  previous=$(current_release) present=''
  look || refuse_engine
  teardown_owner=$(another_lineage) || teardown_owner=$(another_entry) || teardown_owner=''
  [ -z "$teardown_owner" ] || { say "$project: left alone; $teardown_owner"; return; }
  say "removing the containers and networks of $project"
  [ -z "$strangers" ] || say "left alone: $(names_of "$strangers"), which everfresh did not deploy"
  remove_containers && remove_made network && { [ -z "$with_volumes" ] || remove_made volume; } || refuse 1 "$reason; remove what uses it and try again"
  teardown_images=$(built_images releases/*/services) prune_bytes=0
  for teardown_folder in store changed ${with_volumes:+mounts}; do
    remove_tree "$teardown_folder" || refuse 1 "$folder/$teardown_folder: cannot be removed; remove it by hand (sudo rm -rf $folder/$teardown_folder)"
  done
  rm -rf releases current
  # From here on nothing of this project names its images any more.
  remove_images "$teardown_images $(orphaned_images)"
  remove_folder || refuse 1 "$folder: cannot be removed; remove it by hand"
  say "removed"
  [ ! -d "$folder" ] || say "left alone: $folder/mounts, where containers have written"
}

# Removes the project's folder, but for what containers wrote on the host.
remove_folder() {
  rmdir mounts 2>/dev/null || :
  if [ -d mounts ]; then
    for left in ./* ./.[!.]*; do
      [ "$left" = ./mounts ] || rm -rf "$left" || return 1
    done
  else
    cd "$base" && rm -rf "${folder:?}"
  fi
}

# Whether the stack has another entry for this machine that has deployed here since, as when a host is renamed: its
# resources go after those of the new name have come.
another_entry() {
  [ -n "$previous" ] && another=$(field current/proved host) && [ -n "$another" ] && [ "$another" != "$host" ] && printf 'this machine is %s now' "$another"
}

# Removes our containers, those that `compose run` made from this folder too; fails with `reason`.
remove_containers() {
  remove_ids=$(engine ps -a -q --no-trunc --filter "label=com.docker.compose.project=$project" \
    --filter "label=com.docker.compose.project.working_dir=$folder") || {
    reason="docker does not answer"
    return 1
  }
  remove_ids=$(printf '%s\n' "$remove_ids" "$present" "$strangers" "$strangers" | cut -d '|' -f 1 | grep . | sort | uniq -c |
    awk '$1 < 3 { print $2 }')
  [ -n "$remove_ids" ] || return 0
  # shellcheck disable=SC2086 # one word per id
  docker_in 120 stop $remove_ids >/dev/null 2>&1 || :
  # shellcheck disable=SC2086 # one word per id
  remove container -f $remove_ids
}

# Removes the networks or volumes ($1) that compose made for this project: with its labels, under the name that it gives
# or that a release here names. Fails with `reason`.
remove_made() {
  made_kind=$1
  made_ids=$(engine "$made_kind" ls -q --filter "label=com.docker.compose.project=$project" --filter "label=com.docker.compose.$made_kind") || {
    reason="docker does not answer"
    return 1
  }
  for made in $made_ids; do
    made_name=$(inspected "$made_kind" inspect --format "{{urlquery .Name}}|{{with index .Labels \"com.docker.compose.$made_kind\"}}{{urlquery .}}{{end}}" "$made") || continue
    if [ "${made_name%%|*}" = "${project}_${made_name#*|}" ] || is_named "${made_name%%|*}"; then
      remove "$made_kind" "$made" || return 1
    else
      say "left alone: $made_kind ${made_name%%|*}, which everfresh did not make"
    fi
  done
}

# Whether the compose file of a release here gives something the name $1.
is_named() {
  contents releases/*/compose.yaml | made_name=$1 awk '
    { gsub(/["\047]/, ""); sub(/^ *name: */, ""); if ($0 == ENVIRON["made_name"]) found = 1 }
    END { exit !found }'
}

remove() { # kind, and what docker's `rm` is told
  remove_kind=$1
  shift
  remove_said=$(docker_in 120 "$remove_kind" rm "$@" 2>&1) || {
    reason="docker $remove_kind rm: $(printf '%s' "$remove_said" | tail -n 1)"
    return 1
  }
}
