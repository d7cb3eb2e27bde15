# Images: pulls those that the engine lacks, and protects them from the host's own clean-up.

# Pulls the images of release $1 that the engine lacks. Sets `pulled` (bytes downloaded); fails with `failed_check` and `reason`.
pull_images() {
  [ -n "$images_missing" ] || return 0
  [ -n "$registry_address" ] || use_lent_registry
  for image in $(service_images "$1"); do
    has_image "$image" && continue
    say "pull $(services_with "$1" "$image")"
    pull_image "$1" "$image" || return 1
    tag_image "$image"
  done
  pulled=$missing
  know_images "$1" && observe || {
    failed_check=engine reason="docker: does not answer"
    return 1
  }
  # Pulling took a while: later changes are detected against the containers as they are now.
  observed_before=$observed
}

# Pulls image $2 of release $1, with the login if the image is in the login's registry.
pull_image() {
  pull=pull_without_login pull_name=$2
  if is_lent "$2"; then
    [ -n "$registry_address" ] || {
      failed_check=pull
      reason="image $2: is not on this host, and the connection that it comes through is gone; run \`pulumi up\` again"
      return 1
    }
    pull_name=$(lent_name "$1" "$2")
  fi
  if [ -n "$registry_address" ] && [ "${pull_name#"$registry_address"/}" != "$pull_name" ]; then
    pull=pull_with_login
    prepare_login || {
      failed_check=disk reason="$folder: cannot be written; free some space"
      return 1
    }
  fi
  pull_parts "$1" "$2"
  for pause in 1 3 ''; do
    pull_output=$($pull "$pull_name" 2>&1) && name_pulled "$pull_name" "$2" && return
    fails_for_now "$pull_output" && [ "$pause" ] || break
    sleep "$pause"
  done
  failed_check=pull
  [ -z "$lent" ] || is_still_lent || pull_output="the connection that it came through was cut; run \`pulumi up\` again"
  reason="pull $2: $(printf '%s' "$pull_output" | tail -n 2)$(gone_remedy "$1" "$2" "$pull_output")$(rootless_remedy "$pull_output")"
  return 1
}

# Whether docker's output $1 says that the registry itself failed; the second form is the containerd image store's. The reference
# registry answers a read with 500 while somebody else gives the same manifest a new tag.
fails_for_now() {
  case $1 in *'HTTP status: 5'[0-9][0-9]* | *'unexpected status'*': 5'[0-9][0-9]*) ;; *) return 1 ;; esac
}

# Prints what to do if the registry no longer has image $2 of release $1, judging by docker's output $3.
gone_remedy() {
  case $3 in *"manifest unknown"* | *"not found"* | *"does not exist"*) ;; *) return ;; esac
  is_built "$1" "$2" || return
  # shellcheck disable=SC2016 # for people
  printf '; it is no longer in the registry or on this host: run `pulumi up --refresh` with the stack that built it, which pushes it again'
}

# Prints what to do if the engine, judging by docker's output $1, does not reach this host's loopback address, where the deployer's
# connection ends: an engine in rootless mode has a network of its own.
rootless_remedy() {
  [ -n "$lent" ] || return
  case $1 in *"connection refused"*) ;; *) return ;; esac
  case $(engine info --format '{{.SecurityOptions}}' 2>/dev/null) in
  *rootless*) printf '; docker in rootless mode cannot pull through the SSH connection: use a registry' ;;
  esac
}

# Whether release $1 built image $2, so that it has a digest.
is_built() {
  services "$1" | mark service | awk -F '|' -v wanted="$2" "$tables"'
    END { for (name in image) if (image[name] == wanted && digest[name] != "") found = 1; exit !found }'
}

# Images that come through the deployer's SSH connection have a name of their own here, with the digest's first 12 digits as the tag
# (core/images.ts), because the connection has another port each time.
is_lent() {
  case $1 in localhost/everfresh/*/*:????????????) ;; *) return 1 ;; esac
}

# Where the names of this project's begin: its name as `plainName` in core/images.ts makes it valid.
lent_place() {
  printf 'localhost/everfresh/%s' "$(printf '%s\n' "$project" | sed 's/[_-]*\(_-\|-_\|___\)[_-]*/-/g; s/[_-]*$//')"
}

# The registry's name for such an image $2 of release $1.
lent_name() {
  lent_repository=${2##*/}
  printf '%s/%s@%s' "$registry_address" "${lent_repository%:*}" "$(digest_of "$1" "$2")"
}

# Gives image $1, just pulled, the name $2 that the release has for it.
name_pulled() { [ "$1" = "$2" ] || engine tag "$1" "$2"; }

# An engine forgets the finished layers of a pull that is cut off, but keeps those of an image that it has. So the lower layers of a
# large image are pulled first, as images of their own, which the deployer makes (adapters/registry-proxy.ts): after a cut, the next
# pull finds what is finished. One after the other, because layers that come at the same time are finished at the same time. If that
# fails, the pull of the whole says why.
pull_parts() { # $1 release, $2 image
  is_lent "$2" || return 0
  for part in $(part_sizes "$1" "$2"); do
    part_name=${pull_name%@*}:part-$part-${pull_name##*:}
    ("$pull" "$part_name" && engine tag "$part_name" "${2%:*}:part-$part") >/dev/null 2>&1 || return 0
  done
}

# How many layers each part of image $2 of release $1 has: one part for each 16 MB that the engine lacks, at most twenty.
part_sizes() {
  {
    layers_here | mark chain
    services "$1" | mark service
  } | awk -F '|' -v wanted="$2" "$tables$chain_rule"'
    END {
      for (i = 1; i <= service_count && image[services[i]] != wanted; i++) continue
      n = split(layers[services[i]], layer, " ")
      for (k = 1; k <= n; k++) {
        split(layer[k], part, "=")
        if (!((chain = (k == 1 ? "" : chain) part[1]) in has)) total += size[k] = part[2]
      }
      each = total > 320000000 ? total / 20 : 16000000
      for (k = 1; k < n; k++) if ((sum += size[k]) >= each) { print k; sum = 0 }
    }'
}

# Removes what `pull_parts` pulled.
remove_parts() {
  for part in $(engine image ls --format '{{.Repository}}:{{.Tag}}' "$(lent_place)/*:part-*" 2>/dev/null); do
    # shellcheck disable=SC2046 # one word per name
    engine image rm $(names_of_image "$part") >/dev/null 2>&1 || :
  done
}

# The digest that release $1 gives for image $2.
digest_of() {
  services "$1" | mark service | awk -F '|' -v wanted="$2" "$tables"'
    END { for (name in image) if (image[name] == wanted) { print digest[name]; exit } }'
}

# Uses the registry that the deployer lends this host while it is connected (lend.sh), if it does. Sets `lent`, its file.
use_lent_registry() {
  [ -f "$(lent_file)" ] || return 0
  lent=$(lent_file)
  lent_inode=$(inode "$lent")
  registry_address=$(field "$lent" address) registry_config=$(field "$lent" config) registry_login=$(field "$lent" login)
}

# A later deployment of the same stack may have lent its own meanwhile.
is_still_lent() { [ "$(inode "$lent")" = "$lent_inode" ]; }

# Gives an image a tag of our own. `docker image prune`, which many hosts run nightly, removes images that have only a digest.
tag_image() {
  case $1 in *@sha256:*) engine tag "$1" "$(own_tag "$1")" 2>/dev/null || : ;; esac
}
own_tag() {
  ! is_lent "$1" || { printf '%s' "$1"; return; }
  printf 'everfresh/%s:%.12s' "$project" "${1##*@sha256:}"
}

# docker gets the login from a credential helper that reads it from its environment, so that it is never in a file or an argument.
# The search path finds the helper through docker's working directory, so that no part of it depends on a folder's name, and comes
# last, so that docker itself is the same as in every other call.
prepare_login() {
  # shellcheck disable=SC2016 # the helper's own variable
  mkdir -p .run/docker .run/bin && printf '%s' "$registry_config" >.run/docker/config.json &&
    printf '%s\n' '#!/bin/sh' 'printf "%s" "$EVERFRESH_LOGIN"' >.run/bin/docker-credential-everfresh &&
    chmod 700 .run/bin/docker-credential-everfresh
} 2>/dev/null

pull_without_login() { docker_within 1800 pull -q "$1"; }

pull_with_login() {
  # The user's docker context names the engine, and a private --config would not know it.
  DOCKER_HOST=${DOCKER_HOST:-$(engine context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null)}
  EVERFRESH_LOGIN=$registry_login PATH=$PATH:/proc/self/cwd/.run/bin
  export EVERFRESH_LOGIN PATH DOCKER_HOST
  # Not with `docker_within`: a function in the background is a shell of its own, and docker would survive it.
  timeout -k 5 1800 docker --config "$folder/.run/docker" pull -q "$1" </dev/null 3>&- &
  pull_process=$!
  if [ -z "$lent" ]; then
    wait "$pull_process"
    return
  fi
  # If the deployer's connection is cut, docker would try again for a minute, and nobody else could deploy meanwhile.
  { while is_still_lent; do nap; done && kill "$pull_process"; } >/dev/null 2>&1 &
  pull_watch=$!
  wait "$pull_process"
  pull_status=$?
  kill "$pull_watch" 2>/dev/null
  return "$pull_status"
}
