# What must be true before anything changes. Collects all problems, and reports them together.

problems=''
problem() {
  problems="$problems$*
"
}

preflight() {
  check_tools
  check_engine
  check_disk
  [ -z "$engine_arch" ] || { check_ports; check_kept; check_host_paths; }
  if [ -n "$kept" ]; then
    check_kept_release
  else
    phase stage
    [ -z "$(missing_trees)" ] || problem "$folder: mounted files are missing or differ from what was sent; run \`pulumi up\` again"
    # Reserves the room that a commit or putting back needs when everything else is full.
    head -c 262144 /dev/zero 2>/dev/null >.run/reserve && stage ||
      problem "$folder: the release cannot be written; free some space ($(free_kilobytes .) KB free)"
  fi
  # Without an engine or a release, compose cannot be asked; the other problems are reported all the same.
  [ -z "$engine_arch" ] || [ ! -f "releases/$release/compose.yaml" ] || check_compose "$release"
  [ -n "$problems" ] || know_images "$release" || check_room
  [ -z "$problems" ] || fail_preflight
}

# A release to roll back to must be on this host as it was staged.
check_kept_release() {
  if [ ! -d "releases/$release" ]; then
    problem "release $release: is no longer on this host; choose one of: $(kept_releases | sort -u | tr '\n' ' ')"
  elif [ -n "$(tampered "$release")" ]; then
    problem "release $release: was changed by hand on this host ($(tampered "$release" | tr '\n' ' ')); deploy it from its sources"
  fi
}

newer() { # $1 found, $2 wanted: both major.minor…
  printf '%s\n' "$1" | awk -F '[.]' -v want="$2" '
    { split(want, w, "."); exit !($1 + 0 > w[1] + 0 || ($1 + 0 == w[1] + 0 && $2 + 0 >= w[2] + 0)) }'
}

check_tools() {
  tools_missing=''
  for tool in awk base64 cmp cut date df docker find flock grep head ls mkdir mv readlink rm sed sha256sum sleep sort sync tail tar timeout uniq; do
    command -v "$tool" >/dev/null 2>&1 || tools_missing="$tools_missing $tool"
  done
  [ -z "$tools_missing" ] || problem "host: not found:$tools_missing; install them (util-linux, coreutils, docker)"
}

# compose takes as long to print its version as docker takes for three answers, so it runs in the background.
ask_compose() {
  engine compose version --short >.run/compose 2>/dev/null &
  compose_asked=$!
}

# Sets engine_arch and compose_version.
check_engine() {
  engine_arch=''
  command -v docker >/dev/null 2>&1 || return
  if engine_facts=$(engine version --format '{{.Server.Version}}|{{.Server.Arch}}' 2>&1); then
    engine_arch=${engine_facts#*|}
    newer "${engine_facts%%|*}" 20.10 || problem "docker: version ${engine_facts%%|*} is too old; install 20.10 or newer"
  else
    case $engine_facts in
    *"permission denied"*) problem "docker: user $(id -un) may not use it; add the user to group docker (usermod -aG docker $(id -un)) and log in again" ;;
    *) problem "docker: $(printf '%s' "$engine_facts" | tail -n 1); start it on the host (systemctl start docker)" ;;
    esac
  fi
  wait "$compose_asked"
  compose_version=$(cat .run/compose 2>/dev/null)
  if [ -n "$compose_version" ]; then
    newer "${compose_version#v}" 2.17 || problem "docker compose: version $compose_version is too old; install 2.17 or newer"
  else
    problem "docker compose: not found; install compose v2 (docker-compose-plugin or docker-compose 2)"
  fi
}

free_kilobytes() { df -Pk "$1" 2>/dev/null | awk 'NR == 2 { print $4 }'; }

# Room for the release itself.
check_disk() {
  disk_free=$(free_kilobytes .)
  [ "${disk_free:-0}" -ge 4096 ] || problem "disk: $((${disk_free:-0} / 1024)) MB free under $folder; free some space"
}

# Room for the images to pull; if there is too little, prunes first. Sets `missing` (bytes to download).
check_room() {
  engine info --format '{{.DockerRootDir}}' >.run/root 2>/dev/null &
  missing=$(missing_bytes "$release")
  wait $!
  disk_root=$(cat .run/root 2>/dev/null)
  [ -d "$disk_root" ] || return 0
  is_roomy && return
  prune
  missing=$(missing_bytes "$release") # pruning may have removed layers that were present
  is_roomy || problem "disk: $((disk_free / 1024)) MB free under $disk_root, about $((disk_need / 1024)) MB needed for the images; free some space"
}

# Unpacked layers take about two and a half times as much as downloaded ones, and while unpacking, the disk holds both.
is_roomy() {
  disk_need=$((missing * 7 / 2048))
  disk_free=$(free_kilobytes "$disk_root")
  [ "${disk_free:-$disk_need}" -ge "$disk_need" ]
}

# The layers of every image that the engine has, one image per line; `chain_rule` reads them into `has`, by the first digits of a
# layer and of all layers below it.
layers_here() {
  # shellcheck disable=SC2046 # one word per image
  inspected image inspect --format '{{range .RootFS.Layers}}{{urlquery .}} {{end}}' \
    $(engine image ls -q 2>/dev/null | sort -u) 2>/dev/null
}
# shellcheck disable=SC2016 # awk's own
chain_rule='
$1 == "chain" {
  chain = ""; count = split($2, layer, " ")
  for (k = 1; k <= count; k++) has[chain = chain substr(layer[k], 8, 12)] = 1
}
'

# The bytes that the engine would have to download for release $1, as far as the layers are known. It reuses a layer only if all
# layers below it are the same, and downloads a layer that images share once.
missing_bytes() {
  {
    layers_here | mark chain
    printf '%s\n' "$release_images" | mark image
    services "$1" | mark service
  } | awk -F '|' "$tables$chain_rule"'
    END {
      for (i = 1; i <= service_count; i++) {
        name = services[i]
        if (image[name] in image_id_of) continue
        chain = ""; count = split(layers[name], layer, " ")
        for (k = 1; k <= count; k++) { split(layer[k], part, "="); if (!has[chain = chain part[1]]++) sum += part[2] }
      }
      printf "%.0f", sum
    }'
}

# A published port must be free or already this project's; in a range that docker may choose from, one port must be.
# `ports`, one per line: protocol|first|last|address of the host (empty: all addresses).
check_ports() {
  [ -n "$ports" ] || return 0
  ports_taken=$({
    # The first holder found counts, because a container's port also has a socket of docker's.
    container_ports | mark container
    docker_proxies | mark proxy
    sockets_of tcp | mark tcp
    sockets_of udp | mark udp
    printf '%s\n' "$ports" | mark wanted
  } | taken_ports)
  [ -z "$ports_taken" ] || problem "$ports_taken"
}

# Ports that running containers publish: container port (such as 80/tcp)|host port|address|container|project.
container_ports() {
  # shellcheck disable=SC2016 # the template's own variables
  set -- '{{$container := .}}{{range $port, $bindings := .NetworkSettings.Ports}}{{range $bindings}}' \
    '{{urlquery $port}}|{{urlquery .HostPort}}|{{urlquery .HostIp}}|{{urlquery $container.Name}}|' \
    '{{with $container.Config.Labels}}{{with index . "com.docker.compose.project"}}{{urlquery .}}{{end}}{{end}}' \
    '{{"\n"}}{{end}}{{end}}'
  # shellcheck disable=SC2046 # one word per id
  inspected inspect --type container --format "$1$2$3$4" $(engine ps -q 2>/dev/null) 2>/dev/null
}

# Command lines of docker's own proxies. If docker is killed while it starts a container, it may hold the port for a container that
# is gone, until a clean restart (https://github.com/moby/libnetwork/issues/1790). The proxy that runs for no container shows it.
docker_proxies() {
  # Anybody can give a process that name: only root's and this user's count. (Not every host has pgrep -f.)
  ps ax -o user,args 2>/dev/null | awk -v me="$(id -un)" '
    ($1 == "root" || $1 == me) && $2 ~ /(^|\/)docker-proxy$/ { sub(/^[^ ]+ +/, ""); gsub(/\|/, "?"); print }'
}

sockets_of() { cat "/proc/net/$1" "/proc/net/${1}6" 2>/dev/null; } # $1 tcp or udp

# Reads the marked lines of `check_ports`, and prints a problem for each port that somebody else holds.
taken_ports() {
  awk -F '|' -v project="$project" '
    function number(hex,   sum, i) {
      for (i = 1; i <= length(hex); i++) sum = sum * 16 + index("123456789ABCDEF", substr(hex, i, 1))
      return sum + 0
    }
    # The kernel writes an address as words of the machine: 127.0.0.1 is 0100007F; IPv6 has four of them.
    function address(hex,   last) {
      if (hex ~ /^0*$/) return ""
      if (length(hex) == 32 && substr(hex, 1, 24) != "0000000000000000FFFF0000") return hex
      last = substr(hex, length(hex) - 7)
      return number(substr(last, 7)) "." number(substr(last, 5, 2)) "." number(substr(last, 3, 2)) "." number(substr(last, 1, 2))
    }
    function any_is_empty(ip) { return ip == "0.0.0.0" || ip == "::" ? "" : ip }
    function takes(protocol, port, ip, by) { n++; what[n] = protocol "|" port; at[n] = any_is_empty(ip); who[n] = by }
    function taker(protocol, port, ip,   i) {
      for (i = 1; i <= n; i++) if (what[i] == protocol "|" port && (ip == "" || at[i] == "" || ip == at[i])) return who[i]
      return ""
    }
    BEGIN { remedy = "; stop it or publish another port" }
    $1 == "container" {
      protocol = $2; port = $3; ip = $4; name = substr($5, 2); owner = $6
      sub(/.*\//, "", protocol)
      takes(protocol, port, ip, owner == project ? "us" : "taken by container " name remedy)
    }
    $1 == "proxy" {
      k = split($2, word, " ")
      for (i = 1; i < k; i++) option[word[i]] = word[i + 1]
      takes(option["-proto"], option["-host-port"], option["-host-ip"], "held by docker for a container that is gone; restart docker on the host")
    }
    # 0A: listening; 07: a datagram socket that is not connected (net/tcp_states.h).
    $1 == "tcp" || $1 == "udp" {
      split($2, column, " ")
      if (column[4] != ($1 == "tcp" ? "0A" : "07")) next
      split(column[2], socket, ":")
      takes($1, number(socket[2]), address(socket[1]), "taken by another program" remedy)
    }
    $1 == "wanted" {
      protocol = $2; first = $3; last = $4; ip = any_is_empty($5)
      for (port = last + 0; port >= first; port--) {
        by = taker(protocol, port, ip)
        if (by == "" || by == "us") next
      }
      print "port " first (first == last ? "" : "-" last) (protocol == "tcp" ? "" : "/" protocol) ": " by
    }'
}

# compose keeps an existing network or volume, however it was created. A volume's data must never be removed unasked.
check_kept() {
  check_made network '{{with index .Labels "dev.everfresh.definition"}}{{urlquery .}}{{end}}' \
    "was created from another definition, and docker compose would not change it; give it another name in the compose file" <<EOF
$networks
EOF
  # shellcheck disable=SC2016 # the template's own variables
  check_made volume '{{urlquery .Driver}}|{{range $key, $value := .Options}}{{urlquery $key}}={{urlquery $value}} {{end}}' \
    "was created with another driver or other options, and docker would not change it; give it another name in the compose file, or remove it with all its data (\`docker volume rm\` on the host)" <<EOF
$volumes
EOF
}

# $1 network or volume, $2 the template of its definition, $3 the problem if that differs; stdin, one per line: name|the wanted
# definition, or `external`.
check_made() {
  while IFS= read -r made_line; do
    [ -n "$made_line" ] || continue
    made_name=${made_line%%|*} made_wanted=${made_line#*|}
    if made_from=$(inspected "$1" inspect --format "$2" -- "$made_name" 2>/dev/null); then
      [ "$made_wanted" = external ] || [ "$made_from" = "$made_wanted" ] || problem "$1 $made_name: $3"
    elif [ "$made_wanted" = external ]; then
      problem "$1 $made_name: is external but does not exist on this host; create it, or correct its name"
    fi
  done
}

# An image for another architecture runs only where the kernel has an emulator for it.
check_architecture() {
  [ -n "$engine_arch" ] && ! ls /proc/sys/fs/binfmt_misc/qemu-* >/dev/null 2>&1 || return 0
  problems=$problems$(printf '%s\n' "$release_images" | mark image | awk -F '|' -v host_arch="$engine_arch" "$tables"'
    function runs_here(arch) {
      return arch == "" || arch == host_arch || (host_arch == "amd64" && arch == "386") || (host_arch == "arm64" && arch == "arm")
    }
    END {
      for (i = 1; i <= image_count; i++)
        if (!runs_here(architecture[i]))
          print "image " image_name[i] ": is for " architecture[i] ", the host is " host_arch "; build it for platform linux/" host_arch
    }')
}

# Sets `release_hashes`, compose's hash of each service of release $1. To compute them, compose has to accept the file.
check_compose() {
  release_hashes=$(compose_within 60 "releases/$1" config --hash '*' 2>/dev/null) && return
  compose_error=$(compose_within 60 "releases/$1" config -q 2>&1 | tail -n 3)
  case $compose_error in
  *"Additional property"*) compose_error="$compose_error; docker compose ${compose_version-} on this host does not support that yet: install a newer version, or remove it from the file" ;;
  esac
  problem "compose file: $compose_error"
}
