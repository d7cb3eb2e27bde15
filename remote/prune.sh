# Room: releases beyond those kept, files and images that only they used.

# Releases that stay: the current one and the last proved ones, `keep_releases` in all.
kept_releases() {
  for proved in releases/*/proved; do
    [ -f "$proved" ] || continue
    kept=${proved%/proved}
    printf '%s %s\n' "$(field "$proved" serial)" "${kept##*/}"
  done | sort -rn | head -n "$keep_releases" | cut -d ' ' -f 2
  current_release
}

# Images of services that were built; what was merely named (redis:7) may be anybody's.
built_images() { # services files
  contents "$@" | awk -F '|' '$3 != "" && $2 ~ /^[a-zA-Z0-9][^ ]*@sha256:[0-9a-f]+$/ { print $2 }' | sort -u
}

# Removes what is not needed any more and says how much that was. Never fails a deployment.
prune() {
  prune_kept=$(kept_releases)
  prune_images='' prune_count=0 prune_bytes=0
  for old in releases/* releases/.[!.]*; do
    [ -d "$old" ] || continue
    [ "${old##*/}" != "$release" ] && ! printf '%s\n' "$prune_kept" | grep -qxF "${old##*/}" || continue
    prune_images="$prune_images $(built_images "$old/services")"
    rm -rf "$old" && prune_count=$((prune_count + 1))
  done
  for old in store/*; do
    [ -d "$old" ] || continue
    ls -d releases/*/files/"${old##*/}" >/dev/null 2>&1 || remove_tree "$old" || :
    [ -d "$old" ] || remove_tree "store/.owned/${old##*/}" || :
  done
  # Volumes that belong to an image (core/compose/image-volumes.ts) go with the last release that names them.
  for old in $(engine volume ls -q --filter "label=com.docker.compose.project=$project" --filter label=dev.everfresh.image 2>/dev/null); do
    is_named "$old" || engine volume rm "$old" >/dev/null 2>&1 || :
  done
  remove_images "$prune_images $(orphaned_images)"
  [ "$prune_count" -eq 0 ] || say "pruned $prune_count old releases, $((prune_bytes / 1000000)) MB of images"
}

# What a deployment pulled that failed: nothing but our own tag tells of it, and keeps it.
orphaned_images() {
  needed_tags=$(contents releases/*/services | sed -n 's/^[^|]*|[^|]*@sha256:\([0-9a-f]\{12\}\).*/\1/p')
  for orphan in $(engine image ls --format '{{.Tag}}' "everfresh/$project" 2>/dev/null); do
    case $nl$needed_tags$nl in *"$nl$orphan$nl"*) continue ;; esac
    images "everfresh/$project:$orphan" 2>/dev/null | cut -d '|' -f 2 | tr ' ' '\n' | grep "@sha256:$orphan"
  done
}

# Removes those of the images $1 that no kept release of any project names and no container uses. Adds to prune_bytes.
remove_images() {
  # shellcheck disable=SC2086 # one word per image
  set -- $1
  [ $# -gt 0 ] || return 0
  still_named=$(contents "$base"/*/releases/*/services | cut -d '|' -f 2 | sort -u)
  # shellcheck disable=SC2046 # one word per id
  still_used=$(engine ps -a -q --no-trunc 2>/dev/null) && [ -n "$still_used" ] &&
    still_used=$(engine inspect --type container --format '{{.Image}}' $(printf '%s' "$still_used") 2>/dev/null)
  for image; do
    printf '%s\n' "$still_named" | grep -qxF "$image" && continue
    image_facts=$(images "$image" 2>/dev/null) || continue
    printf '%s\n' "$still_used" | grep -qxF "${image_facts%%|*}" && continue
    engine image rm "$image" "$(keeping_tag "$image")" >/dev/null 2>&1 || engine image rm "$image" >/dev/null 2>&1 || continue
    # Still there under another name: nothing was freed.
    images "${image_facts%%|*}" >/dev/null 2>&1 || prune_bytes=$((prune_bytes + ${image_facts##*|}))
  done
}
