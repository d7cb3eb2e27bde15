# Docker and compose, never without a time limit, and what they know about this project.

# Runs docker for at most $1 seconds. It does not inherit the reader's descriptor, because a compose that outlives a killed run
# would keep the connection open.
docker_within() {
  docker_limit=$1
  shift
  timeout -k 5 "$docker_limit" docker "$@" </dev/null 3>&-
}

engine() { docker_within "$engine_limit" "$@"; }

# Stops containers, one id per line. Each has its `stop_grace_period` before it is killed; docker's default is 10 s.
stop_containers() {
  # shellcheck disable=SC2086 # one word per id
  stop_grace=$(engine inspect --type container --format '{{with index .Config "StopTimeout"}}{{.}}{{end}}' $1 2>/dev/null |
    sort -n | tail -n 1)
  # shellcheck disable=SC2086 # one word per id
  docker_within $((${stop_grace:-10} + 110)) stop $1
}

refuse_engine() { refuse 1 "docker: does not answer; start it on the host and try again"; }

# Runs compose for the release in folder $2, for at most $1 seconds.
compose_within() {
  compose_limit=$1 compose_release=$2
  shift 2
  compose_file "$compose_limit" "$compose_release/compose.yaml" "$@"
}

# Runs compose with file $2, for at most $1 seconds. Of this login's variables it sees only those that locate
# docker: a variable that the compose file names without a value must be unset in the container.
compose_file() {
  compose_limit=$1 compose_text=$2
  shift 2
  timeout -k 5 "$compose_limit" env -i PATH="$PATH" HOME="${HOME:-/}" \
    ${DOCKER_HOST+"DOCKER_HOST=$DOCKER_HOST"} ${DOCKER_CONTEXT+"DOCKER_CONTEXT=$DOCKER_CONTEXT"} \
    ${DOCKER_CONFIG+"DOCKER_CONFIG=$DOCKER_CONFIG"} ${DOCKER_CERT_PATH+"DOCKER_CERT_PATH=$DOCKER_CERT_PATH"} \
    ${DOCKER_TLS_VERIFY+"DOCKER_TLS_VERIFY=$DOCKER_TLS_VERIFY"} ${XDG_RUNTIME_DIR+"XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR"} \
    docker compose --ansi never -p "$project" --project-directory "$folder" -f "$compose_text" "$@" \
    </dev/null 3>&-
}

# Prints docker's answer to an inspection. Labels, names and paths are untrusted text. Templates write them with `urlquery`, which
# makes one word of any text, without the `|` and the line breaks that separate facts. Frequent harmless characters are decoded
# again.
inspected() {
  inspected_status=0
  inspected_answer=$(engine "$@") || inspected_status=$?
  [ -z "$inspected_answer" ] || printf '%s\n' "$inspected_answer" | sed 's#%2F#/#g; s#%3A#:#g; s#%40#@#g'
  return "$inspected_status"
}

# Observes the project: sets `observed` (its containers), `unmanaged` (those that everfresh did not deploy) and `off_limits` (the
# ids of those it must not touch), and adds their images to `observed_images`. Fails if the engine does not answer.
observe() {
  observed=$(containers) || return 1
  unmanaged=$(unmanaged_containers) off_limits=''
  [ "$take_over" = unmanaged ] || off_limits=$(ids_of "$unmanaged")
  observe_unknown=$({
    printf '%s\n' "$observed_images" "$release_images" | mark image
    printf '%s\n' "$observed" | mark container
  } | awk -F '|' "$tables"'
    END {
      for (i = 1; i <= container_count; i++) {
        unknown = image_id[containers[i]]
        if (unknown != "" && !(unknown in known_names) && !seen[unknown]++) print unknown
      }
    }')
  [ -n "$observe_unknown" ] || return 0
  # shellcheck disable=SC2086 # one word per image; the answer omits those that are gone
  observed_images=$observed_images$nl$(images $observe_unknown 2>/dev/null) || :
}

container_ids() {
  engine ps -a -q --no-trunc --filter "label=com.docker.compose.project=$project" \
    --filter label=com.docker.compose.oneoff=False "$@"
}

# The project's containers (see `container_column`).
containers() {
  containers_try=0
  while :; do
    containers_ids=$(container_ids 2>/dev/null) || return 1
    [ -n "$containers_ids" ] || return 0
    # shellcheck disable=SC2086 # one word per id
    if containers_lines=$(inspected inspect --type container --format "$container_template" $containers_ids 2>/dev/null); then
      printf '%s\n' "$containers_lines"
      return
    fi
    # One of them disappeared in between: ask again.
    containers_try=$((containers_try + 1))
    [ "$containers_try" -lt 5 ] || return 1
  done
}

# Containers that carry the project's labels, which anybody can write, but are not ours. Ours are those that compose made from this
# folder and, wherever they were made, those whose service and configuration hash are in the current release's proof.
unmanaged_containers() {
  {
    proved_runs "$previous" | mark proved
    printf '%s\n' "$observed" | mark container
  } | awk -F '|' -v project_folder="$folder_fact" "$tables"'
    END {
      for (i = 1; i <= container_count; i++) {
        id = containers[i]
        if (folder[id] != project_folder && !((service[id] "|" config_hash[id]) in was_proved)) print container_line[id]
      }
    }'
}

# The running containers of services $1, one per line: service|id|since when it runs.
runs_of() {
  observations | awk -F '|' -v wanted="$(printf '%s' "$1" | tr '\n' ' ')" "$tables"'
    BEGIN { for (n = split(wanted, list, " "); n > 0; n--) is_wanted[list[n]] = 1 }
    END {
      for (i = 1; i <= container_count; i++) {
        id = containers[i]
        if (is_wanted[service[id]] && state[id] == "running") print service[id] "|" id "|" started_at[id]
      }
    }'
}

# The current containers of service $1, one per line: id|image id.
containers_of() {
  printf '%s\n' "$observed" | mark container | awk -F '|' -v wanted="$1" "$tables"'
    END { for (i = 1; i <= container_count; i++) if (service[containers[i]] == wanted) print containers[i] "|" image_id[containers[i]] }'
}

# The names of containers, for messages: at most ten.
names_of() {
  printf '%s\n' "$1" | mark container | awk -F '|' "$tables"'
    END {
      for (i = 1; i <= container_count && i <= 10; i++) {
        sub(/^\//, "", container_name[containers[i]])
        text = text (i == 1 ? "" : ", ") container_name[containers[i]]
      }
      print text (container_count >= 10 ? ", ..." : "")
    }'
}

# The given images' lines of the table `image`.
images() {
  [ $# -gt 0 ] || return 0
  images_names='{{range index . "RepoDigests"}}{{urlquery .}} {{end}}{{range index . "RepoTags"}}{{urlquery .}} {{end}}'
  inspected image inspect --format "{{.Id}}|$images_names|{{urlquery .Architecture}}|{{.Size}}" "$@"
}

# Every name and digest that the engine has for image $1.
names_of_image() {
  images "$1" 2>/dev/null | mark image | awk -F '|' "$tables"'END { for (id in known_names) print known_names[id] }'
}

# Whether the engine has image $1. The name of one that was lent is a tag, which anybody can give to another image.
has_image() {
  has_facts=$(images "$1" 2>/dev/null) || return 1
  ! is_lent "$1" || case $has_facts in *"@sha256:${1##*:}"*) ;; *) return 1 ;; esac
}

# Sets `release_images`, the engine's facts about the images of release $1, and `images_missing` unless it has them all. Adds the
# name that the release uses to each image's names, because docker may spell it differently (`redis` is `redis:latest`).
know_images() {
  images_missing='' know_names=$(service_images "$1")
  # shellcheck disable=SC2086 # one word per image
  know_facts=$(images $know_names 2>/dev/null) && have_digests "$know_names" || {
    images_missing=1
    know_names=$(for image in $know_names; do has_image "$image" && echo "$image"; done)
    know_facts=$(images $know_names 2>/dev/null) || know_names=''
  }
  # docker answers in the order of the request.
  release_images=$({ printf '%s\n' "$know_names" | mark asked; printf '%s\n' "$know_facts" | mark image; } | awk -F '|' '
    $2 == "" { next }
    $1 == "asked" { asked[++n] = $2 }
    $1 == "image" { print $2 "|" asked[++k] " " $3 "|" $4 "|" $5 }')
  [ -z "$images_missing" ]
}

# Whether those of images $1 that were lent are the images that their names say.
have_digests() {
  for have in $1; do
    ! is_lent "$have" || has_image "$have" || return 1
  done
}

# Services of a release (see the table `service`).
services() { contents "releases/$1/services"; }

# The services of release $1 that are rolled out.
services_with_rollout() {
  services "$1" | mark service | awk -F '|' "$tables"'
    END { for (i = 1; i <= service_count; i++) if (rollout[services[i]] != "") print services[i] }'
}

service_images() { images_named_in "releases/$1/services"; }

# The images named in these `services` files.
images_named_in() {
  contents "$@" | mark service | awk -F '|' "$tables"'$1 == "service" { print image[$2] }' | sort -u
}

# The image of service $2 in release $1.
image_of() {
  services "$1" | mark service | awk -F '|' -v wanted="$2" "$tables"'END { if (wanted in image) print image[wanted] }'
}

# The services of release $1 that run image $2, for messages.
services_with() {
  services "$1" | mark service | awk -F '|' -v wanted="$2" "$tables"'
    END {
      for (i = 1; i <= service_count; i++)
        if (image[services[i]] == wanted) { printf "%s%s", separator, services[i]; separator = ", " }
    }'
}
