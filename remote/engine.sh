# Docker and compose, never without a time limit.

# Without the reader's descriptor: a compose that outlives a killed run would keep the connection open.
docker_in() {
  docker_limit=$1
  shift
  timeout -k 5 "$docker_limit" docker "$@" </dev/null 3>&-
}

engine() { docker_in "$engine_limit" "$@"; }

refuse_engine() { refuse 1 "docker: does not answer; start it on the host and try again"; }

# compose for the release in folder $2, at most $1 seconds. A variable that the compose file names without a value is to be
# unset in the container: compose must not find one of this login's.
compose_in() {
  compose_limit=$1 compose_release=$2
  shift 2
  timeout -k 5 "$compose_limit" env -i PATH="$PATH" HOME="${HOME:-/}" \
    ${DOCKER_HOST+"DOCKER_HOST=$DOCKER_HOST"} ${DOCKER_CONTEXT+"DOCKER_CONTEXT=$DOCKER_CONTEXT"} \
    ${DOCKER_CONFIG+"DOCKER_CONFIG=$DOCKER_CONFIG"} ${DOCKER_CERT_PATH+"DOCKER_CERT_PATH=$DOCKER_CERT_PATH"} \
    ${DOCKER_TLS_VERIFY+"DOCKER_TLS_VERIFY=$DOCKER_TLS_VERIFY"} ${XDG_RUNTIME_DIR+"XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR"} \
    docker compose --ansi never -p "$project" --project-directory "$folder" -f "$compose_release/compose.yaml" "$@" \
    </dev/null 3>&-
}

container_ids() {
  engine ps -a -q --no-trunc --filter "label=com.docker.compose.project=$project" \
    --filter label=com.docker.compose.oneoff=False "$@"
}

# docker's answer to an inspection. Labels, names and paths may be any text, of anybody's making. Formats write them with
# `urlquery`: that is one word, whatever the text is, without the `|` and the line ends that facts are told apart by. What
# is harmless there and frequent is given back.
inspected() {
  inspected_status=0
  inspected_answer=$(engine "$@") || inspected_status=$?
  [ -z "$inspected_answer" ] || printf '%s\n' "$inspected_answer" | sed 's#%2F#/#g; s#%3A#:#g; s#%40#@#g'
  return "$inspected_status"
}

# The template for a container's label of compose's; nothing where there is none.
label() { printf '{{with index .Config.Labels "com.docker.compose.%s"}}{{urlquery .}}{{end}}' "$1"; }

# The project's containers, one per line: id|image id|state|health|exit|restarts|started|config hash|name|image id on
# compose's label|what it mounts|service|compose's working directory|published ports, as `80/tcp/8080/127.0.0.1`|fixed addresses.
# `index` instead of a field's name, here and below, where docker may leave the field out.
containers() {
  containers_try=0
  while :; do
    containers_ids=$(container_ids 2>/dev/null) || return 1
    [ -n "$containers_ids" ] || return 0
    # shellcheck disable=SC2086 # one word per id
    if containers_lines=$(inspected inspect --type container --format "{{.Id}}|{{.Image}}|{{.State.Status}}|{{with index .State \"Health\"}}{{.Status}}{{end}}|{{.State.ExitCode}}|{{.RestartCount}}|{{.State.StartedAt}}|$(label config-hash)|{{urlquery .Name}}|$(label image)|{{range .Mounts}}{{urlquery .Source}} {{end}}|$(label service)|$(label project.working_dir)|{{range \$port, \$at := index .HostConfig \"PortBindings\"}}{{range \$at}}{{urlquery \$port}}/{{urlquery .HostPort}}/{{urlquery .HostIp}} {{end}}{{end}}|{{range .NetworkSettings.Networks}}{{with index . \"IPAMConfig\"}}{{with index . \"IPv4Address\"}}{{urlquery .}} {{end}}{{with index . \"IPv6Address\"}}{{urlquery .}} {{end}}{{end}}{{end}}" \
      $containers_ids 2>/dev/null); then
      printf '%s\n' "$containers_lines"
      return
    fi
    # One of them went away in between: ask again.
    containers_try=$((containers_try + 1))
    [ "$containers_try" -lt 5 ] || return 1
  done
}

# Of the images given: image id|every name and digest the engine has for it.
images() {
  [ $# -gt 0 ] || return 0
  inspected image inspect --format '{{.Id}}|{{range index . "RepoDigests"}}{{urlquery .}} {{end}}{{range index . "RepoTags"}}{{urlquery .}} {{end}}|{{urlquery .Architecture}}|{{.Size}}' "$@"
}

# Sets `release_images`, the engine's facts about the images of release $1, and `images_missing` unless it has them all.
# Among an image's names is the one that the release knows it by, which docker may write otherwise: `redis` is its
# `redis:latest`.
know_images() {
  images_missing='' know_names=$(service_images "$1")
  # shellcheck disable=SC2086 # one word per image
  know_facts=$(images $know_names 2>/dev/null) || {
    images_missing=1
    know_names=$(for image in $know_names; do images "$image" >/dev/null 2>&1 && echo "$image"; done)
    know_facts=$(images $know_names 2>/dev/null) || know_names=''
  }
  # docker answers in the order asked.
  release_images=$({ printf '%s\n' "$know_names" | sed 's/^/N|/'; printf '%s\n' "$know_facts" | sed 's/^/F|/'; } | awk -F '|' '
    $2 == "" { next }
    $1 == "N" { asked[++n] = $2 }
    $1 == "F" { print $2 "|" asked[++k] " " $3 "|" $4 "|" $5 }')
  [ -z "$images_missing" ]
}

# Services of a release, dependencies first, one per line: name|image|digest|replicas|layers|fingerprints of its
# files|services to restart with it|`lasts` if it is to keep running, `ends` if others wait for its end|what it waits for, such
# as `db=healthy`|what only one container can have, such as `port/tcp/80/` (see core/host/rendered.ts)
services() { contents "releases/$1/services"; }

service_images() { services "$1" | cut -d '|' -f 2 | sort -u; }
