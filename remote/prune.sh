# Frees disk space: removes releases that are not kept, with the files and images that only they used.

# Releases to keep: the current one and the last proved ones, `keep_releases` in total.
kept_releases() {
  for kept_proof in releases/*/proved; do
    [ -f "$kept_proof" ] || continue
    kept_folder=${kept_proof%/proved}
    printf '%s %s\n' "$(field "$kept_proof" serial)" "${kept_folder##*/}"
  done | sort -rn | head -n "$keep_releases" | cut -d ' ' -f 2
  current_release
}

# The built images named in these `services` files; one that was only named (redis:7) may also belong to others.
built_images() {
  contents "$@" | mark service | awk -F '|' "$tables"'
    $1 == "service" && digest[$2] != "" && image[$2] ~ /^([a-zA-Z0-9][^ ]*@sha256:[0-9a-f]+|localhost\/everfresh\/[^ ]+)$/ { print image[$2] }' | sort -u
}

# Removes what is no longer needed, and says how much that was. Never fails a deployment.
prune() {
  prune_count=0 prune_bytes=0 prune_images=''
  prune_releases
  prune_files
  prune_live_files
  prune_volumes
  remove_parts
  remove_images "$prune_images $(unneeded_images)"
  [ "$prune_count" -eq 0 ] || say "pruned $prune_count old releases, $((prune_bytes / 1000000)) MB of images"
}

# Counts the removed releases in `prune_count`, and adds their images to `prune_images`.
prune_releases() {
  prune_kept=$(kept_releases)
  for old in releases/* releases/.[!.]*; do
    [ -d "$old" ] || continue
    [ "${old##*/}" != "$release" ] && ! printf '%s\n' "$prune_kept" | grep -qxF "${old##*/}" || continue
    prune_images="$prune_images $(built_images "$old/services")"
    rm -rf "$old" && prune_count=$((prune_count + 1))
  done
}

prune_files() {
  for old in store/*; do
    [ -d "$old" ] || continue
    ls -d releases/*/files/"${old##*/}" >/dev/null 2>&1 || remove_tree "$old" || :
    [ -d "$old" ] || remove_tree "store/.owned/${old##*/}" || :
  done
}

# Volumes that belong to an image (core/compose/image-volumes.ts) are removed with the last release that names them.
prune_volumes() {
  prune_candidates=$(engine volume ls -q --filter "label=com.docker.compose.project=$project" \
    --filter label=dev.everfresh.image 2>/dev/null)
  for old in $prune_candidates; do
    is_named "$old" || engine volume rm "$old" >/dev/null 2>&1 || :
  done
}

# Images that failed deployments pulled: only our own tag identifies and keeps them.
unneeded_images() {
  needed_tags=$(images_named_in releases/*/services | sed -n 's/^.*@sha256:\([0-9a-f]\{12\}\).*/\1/p')
  for orphan in $(engine image ls --format '{{.Tag}}' "everfresh/$project" 2>/dev/null); do
    case $nl$needed_tags$nl in *"$nl$orphan$nl"*) continue ;; esac
    names_of_image "everfresh/$project:$orphan" | tr ' ' '\n' | grep "@sha256:$orphan"
  done
  without "$(engine image ls --format '{{.Repository}}:{{.Tag}}' "$(lent_place)/*" 2>/dev/null | grep -v ':part-')" \
    "$(images_named_in releases/*/services)"
}

# Removes the images in $1 that no kept release of any project names and no container uses. Adds to `prune_bytes`.
remove_images() {
  # shellcheck disable=SC2086 # one word per image
  set -- $1
  [ $# -gt 0 ] || return 0
  still_named=$(images_named_in "$base"/*/releases/*/services)
  # shellcheck disable=SC2046 # one word per id
  still_used=$(engine ps -a -q --no-trunc 2>/dev/null) && [ -n "$still_used" ] &&
    still_used=$(engine inspect --type container --format '{{.Image}}' $(printf '%s' "$still_used") 2>/dev/null)
  for image; do
    printf '%s\n' "$still_named" | grep -qxF "$image" && continue
    image_facts=$(images "$image" 2>/dev/null) || continue
    printf '%s\n' "$still_used" | grep -qxF "${image_facts%%|*}" && continue
    # shellcheck disable=SC2046 # one word per name
    engine image rm "$image" $(other_names "$image") >/dev/null 2>&1 || engine image rm "$image" >/dev/null 2>&1 || continue
    # If it remains under another name, nothing was freed.
    images "${image_facts%%|*}" >/dev/null 2>&1 || prune_bytes=$((prune_bytes + ${image_facts##*|}))
  done
}

# The other names under which we know image $1: our own tag, or those under which it was lent.
other_names() {
  if is_lent "$1"; then
    names_of_image "$1" | tr ' ' '\n' | grep '^127\.0\.0\.1:[0-9]*/.*@'
  else
    own_tag "$1"
  fi
}
