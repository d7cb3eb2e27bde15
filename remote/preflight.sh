# What must be true before anything moves. All problems are collected, then told at once.

problems=''
problem() {
  problems="$problems$*
"
}

newer() { # $1 found, $2 wanted: both major.minor…
  printf '%s\n' "$1" | awk -F '[.]' -v want="$2" '{ split(want, w, "."); exit !($1 + 0 > w[1] + 0 || ($1 + 0 == w[1] + 0 && $2 + 0 >= w[2] + 0)) }'
}

check_tools() {
  tools_missing=''
  for tool in awk base64 cut date df docker find flock grep head ls mkdir mv readlink rm sed sha256sum sleep sort sync tail tar timeout uniq; do
    command -v "$tool" >/dev/null 2>&1 || tools_missing="$tools_missing $tool"
  done
  [ -z "$tools_missing" ] || problem "host: not found:$tools_missing; install them (util-linux, coreutils, docker)"
}

# Sets engine_arch.
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
  if compose_version=$(engine compose version --short 2>/dev/null); then
    newer "${compose_version#v}" 2.17 || problem "docker compose: version $compose_version is too old; install 2.17 or newer"
  else
    problem "docker compose: not found; install compose v2 (docker-compose-plugin or docker-compose 2)"
  fi
}

# Room for the release itself, and for the images whose size is known ($1: bytes).
check_disk() {
  disk_free=$(df -Pk . | awk 'NR == 2 { print $4 }')
  [ "${disk_free:-0}" -ge 4096 ] || problem "disk: $((${disk_free:-0} / 1024)) MB free under $folder; free some space"
  [ "$1" -gt 0 ] || return 0
  disk_root=$(engine info --format '{{.DockerRootDir}}' 2>/dev/null) || return 0
  [ -d "$disk_root" ] || return 0
  disk_free=$(df -Pk "$disk_root" 2>/dev/null | awk 'NR == 2 { print $4 }')
  # Layers travel compressed and lie unpacked beside the download: three times the size is a usual ratio.
  disk_need=$(($1 * 3 / 1024))
  [ "${disk_free:-$disk_need}" -ge "$disk_need" ] ||
    problem "disk: $((disk_free / 1024)) MB free under $disk_root, about $((disk_need / 1024)) MB wanted for the images; free some space"
}

# A published port must be free, or already this project's.
check_ports() {
  [ -n "$ports" ] || return 0
  ports_ours=$(engine ps --filter "label=com.docker.compose.project=$project" --format '{{.Ports}}' 2>/dev/null)
  ports_others=$(engine ps --format '{{.Label "com.docker.compose.project"}}|{{.Names}}|{{.Ports}}' 2>/dev/null)
  ports_open=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == "0A" { n = split($2, a, ":"); print a[n] }')
  for port in $ports; do
    case $ports_ours in *":$port->"*) continue ;; esac
    port_user=$(printf '%s\n' "$ports_others" | awk -F '|' -v port=":$port->" 'index($3, port) { print "container " $2; exit }')
    if [ -z "$port_user" ] && printf '%s\n' "$ports_open" | grep -qi "^$(printf '%04X' "$port")\$"; then
      port_user="another program"
    fi
    [ -z "$port_user" ] || problem "port $port: taken by $port_user; stop that or publish another port"
  done
}

# Containers run on the engine's own architecture, unless the image says otherwise.
check_architecture() { # $1 release
  [ -n "$engine_arch" ] || return 0
  # shellcheck disable=SC2046 # one word per image
  for image in $(images $(service_images "$1") 2>/dev/null | awk -F '|' -v arch="$engine_arch" '$3 != "" && $3 != arch { print $2 "is " $3 }' | tr ' ' '_'); do
    problem "image $(printf '%s' "$image" | tr '_' ' '), the host is $engine_arch; build it for platform linux/$engine_arch"
  done
}

check_compose() { # $1 folder of the release
  compose_said=$(compose_in 30 "$1" config -q 2>&1) || problem "compose file: $(printf '%s' "$compose_said" | tail -n 3)"
}
