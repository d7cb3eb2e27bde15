# The release arrives as a tar in the program's own text, and is on the disk as a whole before any container is touched.

# Lists everything under $1/<name> for the given names: contents, who may run and read each file, where links lead. Two listings
# differ exactly if the files do; times and owners do not count.
listing() {
  (
    cd "$1" || exit 1
    shift
    [ $# -gt 0 ] || exit 0
    find "$@" -type f -exec sha256sum {} +
    find "$@" -type f -perm -100 -exec printf 'runs %s\n' {} +
    find "$@" -type f ! -perm -004 ! -perm -040 -exec printf 'private %s\n' {} +
    # shellcheck disable=SC2016 # the inner shell's own variables
    find "$@" -type l -exec sh -c 'for l; do printf "link %s %s\n" "$l" "$(readlink "$l")"; done' sh {} +
  ) 2>/dev/null | sort
}

release_parts='compose.yaml check.yaml manifest.json services checks facts'

# Lists the parts and files of release $1 as they are on the disk now.
release_listing() {
  # shellcheck disable=SC2086 # one word per part
  listing "releases/$1" $release_parts | grep -v '^private '
  # shellcheck disable=SC2010,SC2046 # fingerprints only
  listing store $(ls "releases/$1/files" | grep -x '[0-9a-f]\{64\}')
}

# Names what was changed by hand since release $1 was staged: parts of the release, or fingerprints of files.
tampered() {
  [ -f "releases/$1/sums" ] || {
    echo sums
    return
  }
  release_listing "$1" | sort - "releases/$1/sums" | uniq -u |
    sed -n -e 's#^[^ ]* .*\([0-9a-f]\{64\}\)/.*#\1#p' -e 's#^[^ ]* [ *]\([a-z.]*\)$#\1#p' | sort -u
}

# Whether these parts of release $1 are still as they were staged.
is_as_staged() {
  staged_release=releases/$1
  shift
  for part; do
    staged_sum=$(contents "$staged_release/sums" | sed -n "s/^\([0-9a-f]\{64\}\) [ *]$part\$/\1/p")
    [ -n "$staged_sum" ] && [ -f "$staged_release/$part" ] &&
      [ "$staged_sum" = "$(sha256sum <"$staged_release/$part" | cut -d ' ' -f 1)" ] || return 1
  done
}

# Moves the unpacked files into the store. Replaces files that were changed by hand there, and notes their fingerprints in
# `replaced`, because their containers have seen the wrong bytes.
store_staged_files() {
  for staged in .stage/store/*; do
    [ -d "$staged" ] || continue
    fingerprint=${staged##*/}
    move_aside_unless folder "store/$fingerprint" || return 1
    if [ -d "store/$fingerprint" ]; then
      [ "$(listing .stage/store "$fingerprint")" = "$(listing store "$fingerprint")" ] && continue
      note_replaced "$fingerprint" && move_aside "store/$fingerprint" || return 1
    fi
    find "$staged" -type f -exec timeout 60 sync {} + 2>/dev/null || flush
    mv "$staged" store/ || return 1
  done
}

# Large trees are sent ahead of the release, each over its own connection. `apart` names them, one per line: fingerprint and
# checksum of the listing. Prints those that are missing from the store, or differ from what was sent.
missing_trees() {
  [ -n "$apart" ] || return 0
  printf '%s\n' "$apart" | while read -r tree tree_sum; do
    [ "$(listing store "$tree" | sha256sum | cut -d ' ' -f 1)" = "$tree_sum" ] || printf '%s\n' "$tree"
  done
}

lacks() {
  if find_folder; then missing_trees; else printf '%s\n' "$apart" | cut -d ' ' -f 1; fi
}

# receive: puts such trees into the store, from a tar on the caller's stdin (main keeps it as descriptor 4).
receive() {
  take_lock
  disk_free=$(free_kilobytes .)
  [ "${disk_free:-0}" -ge $((receive_bytes / 1024 + 4096)) ] ||
    refuse 1 "disk: $((${disk_free:-0} / 1024)) MB free under $folder, $((receive_bytes / 1000000)) MB needed for mounted files; free some space"
  mkdir -p .stage store && (umask 022 && tar -xpomf - -C .stage <&4) && [ -f .stage/end ] && store_staged_files && flush store ||
    refuse 1 "$folder: the mounted files did not arrive complete; run \`pulumi up\` again"
  rm -rf .stage
}

# Puts the new release in place, without touching what runs.
stage() {
  mkdir .stage && (umask 022 && payload | base64 -d | tar -xpomf - -C .stage) && [ -f .stage/end ] || return 1
  mkdir -p store releases && move_aside_unless folder "releases/$release" "releases/$release/files" && store_staged_files || return 1
  if [ ! -d "releases/$release" ]; then
    chmod 700 .stage/release && mv .stage/release "releases/.$release" || return 1
    release_listing ".$release" >"releases/.$release/sums" && flush "releases/.$release"/* &&
      mv "releases/.$release" "releases/$release" || return 1
  else
    repair_release || return 1
  fi
  flush releases store
  rm -rf .stage
}

# For a release that is already there: replaces each part that differs on its own, so that a kill never leaves one half-written.
repair_release() {
  for part in $release_parts; do
    [ -f ".stage/release/$part" ] || continue
    [ -f "releases/$release/$part" ] && cmp -s ".stage/release/$part" "releases/$release/$part" ||
      replace_file "releases/$release/$part" <".stage/release/$part" || return 1
  done
  for link in .stage/release/files/*; do
    [ -L "$link" ] || continue
    [ -L "releases/$release/files/${link##*/}" ] && continue
    mkdir -p "releases/$release/files" && mv "$link" "releases/$release/files/" || return 1
  done
  release_listing "$release" | replace_file "releases/$release/sums"
}
