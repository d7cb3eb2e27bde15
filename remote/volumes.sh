# Volumes that docker fills from an image when they are made, and never again: they hide what a newer image has in their
# place. `x-everfresh.volumes` gives those that hold nothing else a new one with each image; this is about the others.

empty_sum=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855

# The volumes that container $1 mounts, one per line: name|path in the container.
volumes_of() {
  engine inspect --type container --format '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}}|{{.Destination}}{{"\n"}}{{end}}{{end}}' "$1" 2>/dev/null | grep '|/'
}

is_anonymous() {
  case $1 in *[!0-9a-f]*) false ;; *) [ ${#1} = 64 ] ;; esac
}

# Makes a listing of what image $1 has under path $2, once, and prints the listing's name.
image_files() {
  image_list=.run/files-$(printf '%s\n' "$1" "$2" | sha256sum | cut -c 1-16)
  if [ ! -f "$image_list" ]; then
    image_look=everfresh-look-$project
    engine rm -f -v "$image_look" >/dev/null 2>&1
    if engine create --name "$image_look" --network none --entrypoint - "$1" >/dev/null 2>&1; then files_in "$image_look" "$2"; fi >"$image_list"
    engine rm -f -v "$image_look" >/dev/null 2>&1
  fi
  printf '%s' "$image_list"
}

# A listing of the files in container $1 under path $2; `whole` is its last line, unless they cannot be read or are more than
# there is room to look at.
files_in() {
  rm -rf .run/look && mkdir .run/look || return 1
  files_limit=$(($(free_kilobytes .) * 512))
  [ "$files_limit" -le 1073741824 ] || files_limit=1073741824
  if docker_in 120 cp "$1:$2/." - 2>.run/look-said | head -c "$files_limit" | tar -xof - -C .run/look 2>/dev/null; then
    chmod -R u+rwX .run/look
    listing .run/look . && echo whole
  elif grep -qi 'could not find the file\|no such' .run/look-said; then
    echo whole
  fi
  chmod -R u+rwX .run/look
  rm -rf .run/look
}

is_whole() { [ "$(tail -n 1 "$1")" = whole ]; }

# Of the services of the wave, those whose containers get new anonymous volumes: the new image has other files in the place
# of one than the old image, and no container has written to any of them. compose would hand them on.
to_renew() { # $1 release
  printf '%s\n' "$wave_starts" | while read -r renew_service; do
    # container|image|volume|path
    for renew_container in $(present_of "$renew_service"); do
      volumes_of "${renew_container%%|*}" | while IFS='|' read -r renew_volume renew_path; do
        ! is_anonymous "$renew_volume" || printf '%s\n' "$renew_container|$renew_volume|$renew_path"
      done
    done >.run/renew
    [ -s .run/renew ] || continue
    ! hides_files_of "$(services "$1" | awk -F '|' -v service="$renew_service" '$1 == service { print $2 }')" || is_written_to ||
      printf '%s\n' "$renew_service"
  done
}

# Whether image $1 has other files where .run/renew has a volume.
hides_files_of() {
  while IFS='|' read -r _ renew_old _ renew_path; do
    renew_new_files=$(image_files "$1" "$renew_path")
    ! is_whole "$renew_new_files" || cmp -s "$renew_new_files" "$(image_files "$renew_old" "$renew_path")" || return 0
  done <.run/renew
  return 1
}

# Whether a volume of .run/renew has anything else than the image that it was filled from, as far as one can tell.
is_written_to() {
  while IFS='|' read -r renew_container renew_old _ renew_path; do
    files_in "$renew_container" "$renew_path" >.run/volume
    is_whole .run/volume && cmp -s "$(image_files "$renew_old" "$renew_path")" .run/volume || return 0
  done <.run/renew
  return 1
}

# What volumes have to do with the images of release $1, as lines of its proof: `hidden service|volume|path` where one hides
# files of an image (`volume` is empty for an anonymous one), `covers service|volume|path` where a named one might with the
# next image. Says what is hidden now and was not before. For a container that was not touched it is what it was.
volume_lines() { # $1 release
  volume_before=$(contents "releases/$previous/proved" | grep '^\(hidden\|covers\) ')
  {
    printf '%s\n' "$at_first" | sed 's/^/B|/'
    printf '%s\n' "$present" | sed 's/^/C|/'
    printf '%s\n' "$volume_before" | sed 's/^\([a-z]*\) /H|\1|/'
  } | awk -F '|' '
    $1 == "B" { had[$2] = 1; if (!($13 in old)) old[$13] = $3 }
    $1 == "C" && $2 != "" { if ($2 in had) kept[$13] = 1; else print "look|" $13 "|" $2 "|" $3 "|" old[$13] }
    $1 == "H" && kept[$3] { print $2 "|" substr($0, length($2) + 4) }' | sort -u >.run/look-at
  while IFS='|' read -r volume_how volume_service volume_container volume_image volume_old; do
    if [ "$volume_how" != look ]; then
      printf '%s %s\n' "$volume_how" "$volume_service|$volume_container|$volume_image"
      continue
    fi
    volumes_of "$volume_container" >.run/volumes
    while IFS='|' read -r volume_name volume_path; do
      volume_facts="$volume_service|$(is_anonymous "$volume_name" || printf '%s' "$volume_name")|$(encoded "$volume_path")"
      volume_new_files=$(image_files "$volume_image" "$volume_path") volume_old_files=/dev/null
      [ -z "$volume_old" ] || volume_old_files=$(image_files "$volume_old" "$volume_path")
      # An empty file, such as .gitkeep, only keeps the folder.
      is_anonymous "$volume_name" || ! grep -qv "^$empty_sum \|^runs \|^private \|^whole$" "$volume_new_files" || printf 'covers %s\n' "$volume_facts"
      volume_known=$(printf '%s\n' "$volume_before" | grep -xF -e "hidden $volume_facts")
      is_whole "$volume_new_files" || continue
      [ -n "$volume_known" ] || { [ -n "$volume_old" ] && ! cmp -s "$volume_new_files" "$volume_old_files"; } || continue
      say "$volume_service: comparing the volume at $volume_path with the image"
      files_in "$volume_container" "$volume_path" >.run/volume
      volume_file=$(stale_file "$volume_old_files" "$volume_new_files" .run/volume)
      [ -n "$volume_file" ] || continue
      printf 'hidden %s\n' "$volume_facts"
      [ -n "$volume_known" ] || say_hidden
    done <.run/volumes
  done <.run/look-at
}

# One file in which the volume ($3) is not what the new image ($2) has, or that only the old one ($1) had; nothing if there
# is none.
stale_file() {
  { sed 's/^/O|/' "$1"; sed 's/^/N|/' "$2"; sed 's/^/V|/' "$3"; } | grep -v '|whole$' | awk '
    { line = substr($0, 3) }
    /^O/ { old[line] = 1 }
    /^N/ { new[line] = 1 }
    /^V/ { there[line] = 1 }
    END {
      for (line in new) if (!(line in there)) { print line; exit }
      for (line in there) if ((line in old) && !(line in new)) { print line; exit }
    }' | sed 's#^[^ ]* *\*\{0,1\}\./##'
}

say_hidden() {
  hidden_what="$volume_service: the new image has other files in $volume_path, such as $volume_file, but"
  hidden_todo="if it holds nothing of yours, set x-everfresh.volumes of $volume_service to"
  if ! is_whole .run/volume; then
    say "$hidden_what the volume there cannot be compared with it (it cannot be read, or has more than 1 GiB), and may hide them"
  elif is_anonymous "$volume_name"; then
    say "$hidden_what an anonymous volume to which a container has written hides them; $hidden_todo {$volume_path: image}"
  else
    say "$hidden_what volume $volume_name hides them; $hidden_todo {${volume_name#"$project"_}: image}"
  fi
}
