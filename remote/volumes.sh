# Docker fills a volume from the image when it creates it, and never again: from then on it hides the files that newer images have
# there. With `x-everfresh.volumes`, a volume that holds nothing else is recreated with each image. This file handles the others.

empty_sum=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855

# The volumes that container $1 mounts, one per line: name|path in the container.
volumes_of() {
  engine inspect --type container \
    --format '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}}|{{.Destination}}{{"\n"}}{{end}}{{end}}' "$1" 2>/dev/null |
    grep '|/'
}

is_anonymous() {
  case $1 in *[!0-9a-f]*) false ;; *) [ ${#1} = 64 ] ;; esac
}

# Lists the files of image $1 under path $2, once, and prints the name of the listing.
image_files() {
  image_listing=.run/files-$(printf '%s\n' "$1" "$2" | sha256sum | cut -c 1-16)
  [ -f "$image_listing" ] || list_image "$1" "$2" >"$image_listing"
  printf '%s' "$image_listing"
}

# A container that is never started gives access to the image's files.
list_image() { # $1 image, $2 path
  image_container=everfresh-look-$project
  engine rm -f -v "$image_container" >/dev/null 2>&1
  ! engine create --name "$image_container" --network none --entrypoint - "$1" >/dev/null 2>&1 || files_in "$image_container" "$2"
  engine rm -f -v "$image_container" >/dev/null 2>&1
}

# Lists the files in container $1 under path $2. The last line is `whole`, unless the files cannot be read or are too
# large.
files_in() {
  rm -rf .run/look && mkdir .run/look || return 1
  files_limit=$(($(free_kilobytes .) * 512))
  [ "$files_limit" -le 1073741824 ] || files_limit=1073741824
  if docker_within 120 cp "$1:$2/." - 2>.run/look-error | head -c "$files_limit" | tar -xof - -C .run/look 2>/dev/null; then
    chmod -R u+rwX .run/look
    listing .run/look . && echo whole
  elif grep -qi 'could not find the file\|no such' .run/look-error; then
    echo whole
  fi
  chmod -R u+rwX .run/look
  rm -rf .run/look
}

is_whole() { [ "$(tail -n 1 "$1")" = whole ]; }

# Prints those services on stdin whose containers have no anonymous volume: its data would be lost with the old container.
without_anonymous_volumes() {
  while read -r renew_service; do
    if [ -z "$(anonymous_volumes_of "$renew_service")" ]; then
      printf '%s\n' "$renew_service"
    else
      say "$renew_service: has data in an anonymous volume, so it is recreated, not started first"
    fi
  done
}

# The services of the wave whose containers get new anonymous volumes, where compose would reuse the old ones: the new image has
# other files than the old one where a volume is mounted, and no container has written to any of them.
to_renew() { # $1 release
  printf '%s\n' "$wave_recreates" | while read -r renew_service; do
    anonymous_volumes_of "$renew_service" >.run/renew
    [ -s .run/renew ] || continue
    ! hides_files_of "$(image_of "$1" "$renew_service")" || is_written_to || printf '%s\n' "$renew_service"
  done
}

# The anonymous volumes of service $1, one per line: container|its image|path in the container.
anonymous_volumes_of() {
  containers_of "$1" | while IFS='|' read -r renew_container renew_image; do
    volumes_of "$renew_container" | while IFS='|' read -r renew_volume renew_path; do
      ! is_anonymous "$renew_volume" || printf '%s\n' "$renew_container|$renew_image|$renew_path"
    done
  done
}

# Whether image $1 has other files than the old image at the path of a volume in .run/renew.
hides_files_of() {
  while IFS='|' read -r _ renew_image renew_path; do
    renew_new_files=$(image_files "$1" "$renew_path")
    ! is_whole "$renew_new_files" || cmp -s "$renew_new_files" "$(image_files "$renew_image" "$renew_path")" || return 0
  done <.run/renew
  return 1
}

# Whether a volume in .run/renew differs from the image that it was filled from; also true if that cannot be told.
is_written_to() {
  while IFS='|' read -r renew_container renew_image renew_path; do
    files_in "$renew_container" "$renew_path" >.run/volume
    is_whole .run/volume && cmp -s "$(image_files "$renew_image" "$renew_path")" .run/volume || return 0
  done <.run/renew
  return 1
}

# Prints how volumes affect the images of release $1, as lines of its proof: `hidden service|volume|path` if a volume hides files of
# an image (`volume` is empty for an anonymous one), `covers service|volume|path` if a named one might hide files of the next image.
# Reports newly hidden files. Untouched containers keep their lines from the last proof.
volume_lines() { # $1 release
  volumes_before=$(contents "releases/$previous/proved" | grep '^\(hidden\|covers\) ')
  new_containers >.run/new-containers
  untouched_volume_lines
  while IFS='|' read -r volume_service volume_container volume_image volume_old_image; do
    volumes_of "$volume_container" >.run/volumes
    while IFS='|' read -r volume_name volume_path; do
      judge_volume
    done <.run/volumes
  done <.run/new-containers
}

# The containers that this deployment created: service|container|image|the image that the service had before.
new_containers() {
  {
    printf '%s\n' "$observed_at_start" | mark at_start
    printf '%s\n' "$observed" | mark container
  } | awk -F '|' "$tables"'
    END {
      for (i = 1; i <= at_start_count; i++) {
        id = at_starts[i]
        if (!(at_start_service[id] in old_image)) old_image[at_start_service[id]] = at_start_image_id[id]
      }
      for (i = 1; i <= container_count; i++) {
        id = containers[i]
        if (!(id in at_start_service)) print service[id] "|" id "|" image_id[id] "|" old_image[service[id]]
      }
    }' | sort -u
}

# The lines of the last proof about services whose containers are still the same.
untouched_volume_lines() {
  {
    printf '%s\n' "$observed_at_start" | mark at_start
    printf '%s\n' "$observed" | mark container
    printf '%s\n' "$volumes_before" | sed -n 's/^\([a-z]*\) /proved_volume|\1|/p'
  } | awk -F '|' "$tables"'
    # `hidden` or `covers`|service|volume|path
    $1 == "proved_volume" { line[++line_count] = $2 " " substr($0, length($1 "|" $2 "|") + 1); of[line_count] = $3 }
    END {
      for (id in service) if (id in at_start_service) kept[service[id]] = 1
      for (i = 1; i <= line_count; i++) if (kept[of[i]]) print line[i]
    }' | sort -u
}

# Prints the lines about volume `volume_name` at `volume_path` of container `volume_container`, if there are any.
judge_volume() {
  volume_facts="$volume_service|$(is_anonymous "$volume_name" || printf '%s' "$volume_name")|$(encoded "$volume_path")"
  volume_new_files=$(image_files "$volume_image" "$volume_path") volume_old_files=/dev/null
  [ -z "$volume_old_image" ] || volume_old_files=$(image_files "$volume_old_image" "$volume_path")
  is_anonymous "$volume_name" || ! has_files "$volume_new_files" || printf 'covers %s\n' "$volume_facts"
  volume_known=$(printf '%s\n' "$volumes_before" | grep -xF -e "hidden $volume_facts")
  is_whole "$volume_new_files" || return 0
  # Only an image with other files than before can have files that the volume hides.
  [ -n "$volume_known" ] || { [ -n "$volume_old_image" ] && ! cmp -s "$volume_new_files" "$volume_old_files"; } || return 0
  say "$volume_service: comparing the volume at $volume_path with the image"
  files_in "$volume_container" "$volume_path" >.run/volume
  volume_file=$(stale_file "$volume_old_files" "$volume_new_files" .run/volume)
  [ -n "$volume_file" ] || return 0
  printf 'hidden %s\n' "$volume_facts"
  [ -n "$volume_known" ] || say_hidden
}

# Whether a listing has any file with content. An empty one, such as .gitkeep, only keeps the folder.
has_files() { grep -qv "^$empty_sum \|^runs \|^private \|^whole$" "$1"; }

# One file of the new image ($2) that the volume ($3) lacks or has with other content, or that only the old image ($1) had; nothing
# if there is none.
stale_file() {
  { mark old <"$1"; mark new <"$2"; mark volume <"$3"; } | grep -v '|whole$' | awk '
    { line = substr($0, index($0, "|") + 1) }
    /^old\|/ { old[line] = 1 }
    /^new\|/ { new[line] = 1 }
    /^volume\|/ { there[line] = 1 }
    END {
      for (line in new) if (!(line in there)) { print line; exit }
      for (line in there) if ((line in old) && !(line in new)) { print line; exit }
    }' | sed 's#^[^ ]* *\*\{0,1\}\./##'
}

say_hidden() {
  hidden_files="$volume_service: the new image has other files in $volume_path, such as $volume_file, but"
  hidden_remedy="if it holds nothing of yours, set x-everfresh.volumes of $volume_service to"
  if ! is_whole .run/volume; then
    say "$hidden_files the volume there cannot be compared with it (it cannot be read, or is larger than 1 GiB), and may hide them"
  elif is_anonymous "$volume_name"; then
    say "$hidden_files an anonymous volume that a container has written to hides them; $hidden_remedy {$volume_path: image}"
  else
    say "$hidden_files volume $volume_name hides them; $hidden_remedy {${volume_name#"$project"_}: image}"
  fi
}
