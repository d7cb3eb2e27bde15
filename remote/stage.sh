# The release comes as a tar in the program's own text and lies whole on the disk before anything is touched.

# A listing of what lies under $1/<name> for the names given: bytes, who may run and read it, where links lead. Two listings
# differ exactly when the files do; times and owners do not count.
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

release_parts='compose.yaml manifest.json services checks facts'

# What release $1 is made of, as it lies there now.
release_listing() {
  # shellcheck disable=SC2086 # one word per part
  listing "releases/$1" $release_parts | grep -v '^private '
  # shellcheck disable=SC2010,SC2046 # fingerprints only
  listing store $(ls "releases/$1/files" | grep -x '[0-9a-f]\{64\}')
}

# Names what was changed by hand since release $1 was staged: parts of it, or fingerprints of files.
tampered() {
  [ -f "releases/$1/sums" ] || {
    echo sums
    return
  }
  release_listing "$1" | sort - "releases/$1/sums" | uniq -u |
    sed -n -e 's#^[^ ]* .*\([0-9a-f]\{64\}\)/.*#\1#p' -e 's#^[^ ]* [ *]\([a-z.]*\)$#\1#p' | sort -u
}

# Whether these parts of release $1 still are what was staged.
is_as_staged() {
  staged_release=releases/$1
  shift
  for part; do
    staged_sum=$(contents "$staged_release/sums" | sed -n "s/^\([0-9a-f]\{64\}\) [ *]$part\$/\1/p")
    [ -n "$staged_sum" ] && [ -f "$staged_release/$part" ] && [ "$staged_sum" = "$(sha256sum <"$staged_release/$part" | cut -d ' ' -f 1)" ] || return 1
  done
}

# Moves what was unpacked into the store. Files that had been changed by hand are made whole, and their fingerprints noted
# in `replaced`: their containers have seen the wrong bytes.
store_staged() {
  for staged in .stage/store/*; do
    [ -d "$staged" ] || continue
    fingerprint=${staged##*/}
    make_way folder "store/$fingerprint" || return 1
    if [ -d "store/$fingerprint" ]; then
      [ "$(listing .stage/store "$fingerprint")" = "$(listing store "$fingerprint")" ] && continue
      printf '%s\n' "$fingerprint" >>replaced && flush replaced || return 1
      set_aside "store/$fingerprint" || return 1
    fi
    find "$staged" -type f -exec timeout 60 sync {} + 2>/dev/null || flush
    mv "$staged" store/ || return 1
  done
}

# Of the trees that travel apart (`apart`: one a line, fingerprint and sum), those that are not in the store as they are
# to be.
lacking() {
  [ -n "$apart" ] || return 0
  printf '%s\n' "$apart" | while read -r lacking_tree lacking_sum; do
    [ "$(listing store "$lacking_tree" | sha256sum | cut -d ' ' -f 1)" = "$lacking_sum" ] || printf '%s\n' "$lacking_tree"
  done
}

lacks() {
  if find_folder; then lacking; else printf '%s\n' "$apart" | cut -d ' ' -f 1; fi
}

# receive: puts such trees into the store, from a tar on the caller's stdin (main keeps it as 4).
receive() {
  take_lock
  disk_free=$(free_kilobytes .)
  [ "${disk_free:-0}" -ge $((receive_bytes / 1024 + 4096)) ] ||
    refuse 1 "disk: $((${disk_free:-0} / 1024)) MB free under $folder, $((receive_bytes / 1000000)) MB wanted for mounted files; free some space"
  mkdir -p .stage store && (umask 022 && tar -xpomf - -C .stage <&4) && [ -f .stage/end ] && store_staged && flush store ||
    refuse 1 "$folder: the mounted files did not come whole; run \`pulumi up\` again"
  rm -rf .stage
}

# Puts the sent release in place, without touching what runs.
stage() {
  mkdir .stage && (umask 022 && payload | base64 -d | tar -xpomf - -C .stage) && [ -f .stage/end ] || return 1
  mkdir -p store releases && make_way folder "releases/$release" "releases/$release/files" && store_staged || return 1
  if [ ! -d "releases/$release" ]; then
    chmod 700 .stage/release && mv .stage/release "releases/.$release" || return 1
    release_listing ".$release" >"releases/.$release/sums" && flush "releases/.$release"/* &&
      mv "releases/.$release" "releases/$release" || return 1
  else
    # The same release again: each part that differs is mended by itself, so that a kill never leaves it half.
    for part in $release_parts; do
      [ -f "releases/$release/$part" ] && cmp -s ".stage/release/$part" "releases/$release/$part" ||
        put "releases/$release/$part" <".stage/release/$part" || return 1
    done
    for link in .stage/release/files/*; do
      [ -L "$link" ] || continue
      [ -L "releases/$release/files/${link##*/}" ] || { mkdir -p "releases/$release/files" && mv "$link" "releases/$release/files/"; } || return 1
    done
    release_listing "$release" | put "releases/$release/sums" || return 1
  fi
  flush releases store
  rm -rf .stage
}

# Pulls what the engine lacks of release $1; the credential is handed to docker by a helper out of the environment, so
# that it is never in a file or among the arguments. Sets `pulled` (bytes downloaded).
pull() {
  [ -n "$images_missing" ] || return 0
  for image in $(service_images "$1"); do
    images "$image" >/dev/null 2>&1 && continue
    say "pull $(services "$1" | awk -F '|' -v image="$image" '$2 == image { printf "%s%s", sep, $1; sep = ", " }')"
    if [ -n "$registry_address" ] && [ "${image#"$registry_address"/}" != "$image" ]; then
      prepare_login || {
        failed_check=disk reason="$folder: cannot be written; free some space"
        return 1
      }
      pull_said=$(pull_with_login "$image" 2>&1)
    else
      pull_said=$(docker_in 1800 pull -q "$image" 2>&1)
    fi || {
      failed_check=pull
      reason="pull $image: $(printf '%s' "$pull_said" | tail -n 2)$(gone_remedy "$1" "$image" "$pull_said")"
      return 1
    }
    keep_image "$image"
  done
  pulled=$missing
  know_images "$1" && look || {
    failed_check=engine reason="docker: does not answer"
    return 1
  }
  # It took its time: the containers as they are now are what the changes are told from.
  before=$present
}

# What helps when the registry has not got image $2 of release $1 any more, as docker says in $3.
gone_remedy() {
  case $3 in *"manifest unknown"* | *"not found"* | *"does not exist"*) ;; *) return ;; esac
  services "$1" | awk -F '|' -v image="$2" '$2 == image && $3 != "" { built = 1 } END { exit !built }' || return
  # shellcheck disable=SC2016 # for people
  printf '; the registry has it no more, nor has this host: run `pulumi up --refresh`, which pushes it again, with the stack that built it'
}

# A tag of our own: `docker image prune`, which many hosts run nightly, deletes what is known by its digest alone.
keep_image() {
  case $1 in *@sha256:*) engine tag "$1" "$(keeping_tag "$1")" 2>/dev/null || : ;; esac
}
keeping_tag() { printf 'everfresh/%s:%.12s' "$project" "${1##*@sha256:}"; }

# docker asks this helper for the login, and the helper has it from its environment. It is found in docker's own working
# directory, so that the search path has no part that depends on a folder's name, and behind all else there: whatever is in
# it, docker is the same as in every other call.
prepare_login() {
  # shellcheck disable=SC2016 # the helper's own variable
  mkdir -p .run/docker .run/bin && printf '%s' "$registry_config" >.run/docker/config.json &&
    printf '%s\n' '#!/bin/sh' 'printf "%s" "$EVERFRESH_LOGIN"' >.run/bin/docker-credential-everfresh &&
    chmod 700 .run/bin/docker-credential-everfresh
} 2>/dev/null

pull_with_login() {
  # The user's own docker context names the engine; a private --config does not know it.
  DOCKER_HOST=${DOCKER_HOST:-$(engine context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null)}
  EVERFRESH_LOGIN=$registry_login PATH=$PATH:/proc/self/cwd/.run/bin
  export EVERFRESH_LOGIN PATH DOCKER_HOST
  docker_in 1800 --config "$folder/.run/docker" pull -q "$1"
}
