# teardown: removes this project from the host, and nothing else.

teardown() {
  if ! find_folder; then
    teardown_ids=$(container_ids 2>/dev/null) || refuse_engine
    [ -n "$teardown_ids" ] || { say "$project: nothing to remove"; return; }
  fi
  take_lock
  previous=$(current_release) observed=''
  observe || refuse_engine
  teardown_owner=$(deployed_by_another_stack) || teardown_owner=$(deployed_by_another_entry) || teardown_owner=''
  [ -z "$teardown_owner" ] || { say "$project: left alone; $teardown_owner"; return; }
  say "removing the containers and networks of $project"
  [ -z "$unmanaged" ] || say "left alone: $(names_of "$unmanaged"), which everfresh did not deploy"
  remove_containers && remove_made network && { [ -z "$with_volumes" ] || remove_made volume; } ||
    refuse 1 "$reason; remove what uses it and try again"
  teardown_images=$(built_images releases/*/services) prune_bytes=0
  for teardown_folder in store changed ${with_volumes:+mounts}; do
    remove_tree "$teardown_folder" ||
      refuse 1 "$folder/$teardown_folder: cannot be removed; remove it by hand (sudo rm -rf $folder/$teardown_folder)"
  done
  rm -rf releases current
  # Only now no release of this project names these images any more.
  remove_images "$teardown_images $(unneeded_images)"
  remove_folder || refuse 1 "$folder: cannot be removed; remove it by hand"
  say "removed"
  [ ! -d "$folder" ] || say "left alone: $folder/mounts, which holds what containers wrote"
}

# Removes the project's folder, except what containers wrote on the host.
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

# Removes our containers, including those that `compose run` made from this folder. Fails with `reason`.
remove_containers() {
  remove_ids=$(engine ps -a -q --no-trunc --filter "label=com.docker.compose.project=$project" \
    --filter "label=com.docker.compose.project.working_dir=$folder") || {
    reason="docker does not answer"
    return 1
  }
  remove_ids=$(without "$(ids_of "$remove_ids$nl$observed" | grep . | sort -u)" "$(ids_of "$unmanaged")")
  [ -n "$remove_ids" ] || return 0
  stop_containers "$remove_ids" >/dev/null 2>&1 || :
  # shellcheck disable=SC2086 # one word per id
  docker_rm container -f $remove_ids
}

# Removes the networks or volumes ($1) that compose made for this project: those with its labels whose name is compose's default or
# is given by a release here. Fails with `reason`.
remove_made() {
  made_kind=$1
  made_ids=$(engine "$made_kind" ls -q --filter "label=com.docker.compose.project=$project" --filter "label=com.docker.compose.$made_kind") || {
    reason="docker does not answer"
    return 1
  }
  for made in $made_ids; do
    made_key="{{with index .Labels \"com.docker.compose.$made_kind\"}}{{urlquery .}}{{end}}"
    made_facts=$(inspected "$made_kind" inspect --format "{{urlquery .Name}}|$made_key" "$made") || continue
    made_name=${made_facts%%|*}
    if [ "$made_name" = "${project}_${made_facts#*|}" ] || is_named "$made_name"; then
      docker_rm "$made_kind" "$made" || return 1
    else
      say "left alone: $made_kind $made_name, which everfresh did not make"
    fi
  done
}

# Whether the compose file of a release here uses $1 as a name.
is_named() {
  contents releases/*/compose.yaml | wanted=$1 awk '
    { gsub(/["\047]/, ""); sub(/^ *name: */, ""); if ($0 == ENVIRON["wanted"]) found = 1 }
    END { exit !found }'
}

# `docker <kind> rm`; fails with `reason`. $1 kind, the rest its arguments
docker_rm() {
  rm_kind=$1
  shift
  rm_output=$(docker_within 120 "$rm_kind" rm "$@" 2>&1) || {
    reason="docker $rm_kind rm: $(printf '%s' "$rm_output" | tail -n 1)"
    return 1
  }
}
