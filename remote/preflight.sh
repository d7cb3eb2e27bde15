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
  for tool in awk base64 cmp cut date df docker find flock grep head ls mkdir mv readlink rm sed sha256sum sleep sort sync tail tar timeout uniq; do
    command -v "$tool" >/dev/null 2>&1 || tools_missing="$tools_missing $tool"
  done
  [ -z "$tools_missing" ] || problem "host: not found:$tools_missing; install them (util-linux, coreutils, docker)"
}

# compose takes as long to say its version as docker for three answers: it is asked beside them.
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

# Room for the images that have to be pulled; if there is too little, first without what nobody needs any more. Sets
# `missing` (bytes to download).
check_room() {
  engine info --format '{{.DockerRootDir}}' >.run/root 2>/dev/null &
  missing=$(missing_bytes "$release")
  wait $!
  disk_root=$(cat .run/root 2>/dev/null)
  [ -d "$disk_root" ] || return 0
  is_roomy && return
  prune
  missing=$(missing_bytes "$release") # which may have been more than it was
  is_roomy || problem "disk: $((disk_free / 1024)) MB free under $disk_root, about $((disk_need / 1024)) MB wanted for the images; free some space"
}

# Unpacked, layers take about two and a half times what they travel as, and until then lie beside the download.
is_roomy() {
  disk_need=$((missing * 7 / 2048))
  disk_free=$(free_kilobytes "$disk_root")
  [ "${disk_free:-$disk_need}" -ge "$disk_need" ]
}

# A published port must be free, or already this project's; of a range that docker may choose from, one of them.
# `ports`: one per line, protocol|first|last|address of the host (nothing: all of them).
# Killed while it starts a container, docker may hold the port for one that is gone, until it is restarted in order
# (https://github.com/moby/libnetwork/issues/1790); what tells is its proxy, which runs for no container.
check_ports() {
  [ -n "$ports" ] || return 0
  # shellcheck disable=SC2016,SC2046 # the template's own variables; one word per id
  ports_used=$(inspected inspect --type container --format '{{$c := .}}{{range $port, $at := .NetworkSettings.Ports}}{{range $at}}{{urlquery $port}}|{{urlquery .HostPort}}|{{urlquery .HostIp}}|{{urlquery $c.Name}}|{{with $c.Config.Labels}}{{with index . "com.docker.compose.project"}}{{urlquery .}}{{end}}{{end}}{{"\n"}}{{end}}{{end}}' $(engine ps -q 2>/dev/null) 2>/dev/null)
  ports_taken=$({
    printf '%s\n' "$ports_used" | sed 's/^/U|/'
    # Anybody can give a process of theirs that name. (pgrep -f is not everywhere.)
    ps ax -o user,args 2>/dev/null | awk -v me="$(id -un)" '($1 == "root" || $1 == me) && $2 ~ /(^|\/)docker-proxy$/ { sub(/^[^ ]+ +/, ""); gsub(/\|/, "?"); print "P|" $0 }'
    for ports_protocol in tcp udp; do
      cat "/proc/net/$ports_protocol" "/proc/net/${ports_protocol}6" 2>/dev/null | sed "s/^/O|$ports_protocol|/"
    done
    printf '%s\n' "$ports" | sed 's/^/W|/'
  } | awk -F '|' -v project="$project" '
    function number(hex,   sum, i) { for (i = 1; i <= length(hex); i++) sum = sum * 16 + index("123456789ABCDEF", substr(hex, i, 1)); return sum + 0 }
    # The kernel writes an address as words of the machine: 127.0.0.1 is 0100007F; IPv6 has four of them.
    function address(hex,   last) {
      if (hex ~ /^0*$/) return ""
      if (length(hex) == 32 && substr(hex, 1, 24) != "0000000000000000FFFF0000") return hex
      last = substr(hex, length(hex) - 7)
      return number(substr(last, 7)) "." number(substr(last, 5, 2)) "." number(substr(last, 3, 2)) "." number(substr(last, 1, 2))
    }
    BEGIN { remedy = "; stop that or publish another port" }
    function takes(protocol, port, ip, by) {
      n++; what[n] = protocol "|" port; at[n] = ip == "0.0.0.0" || ip == "::" ? "" : ip; who[n] = by
    }
    # Whoever is named first counts: behind a port of a container there is a socket of docker as well.
    function taker(protocol, port, ip,   i) {
      for (i = 1; i <= n; i++) if (what[i] == protocol "|" port && (ip == "" || at[i] == "" || ip == at[i])) return who[i]
      return ""
    }
    $1 == "U" { sub(/.*\//, "", $2); takes($2, $3, $4, $6 == project ? "us" : "taken by container " substr($5, 2) remedy) }
    $1 == "P" {
      k = split($2, word, " ")
      for (i = 1; i < k; i++) option[word[i]] = word[i + 1]
      takes(option["-proto"], option["-host-port"], option["-host-ip"], "held by docker for a container that is gone; restart docker on the host")
    }
    # 0A: listening; 07: a datagram socket that is not connected (net/tcp_states.h).
    $1 == "O" {
      split($3, column, " ")
      if (column[4] != ($2 == "tcp" ? "0A" : "07")) next
      split(column[2], socket, ":")
      takes($2, number(socket[2]), address(socket[1]), "taken by another program" remedy)
    }
    $1 == "W" {
      ip = $5 == "0.0.0.0" || $5 == "::" ? "" : $5
      for (port = $4 + 0; port >= $3; port--) {
        by = taker($2, port, ip)
        if (by == "" || by == "us") next
      }
      print "port " $3 ($3 == $4 ? "" : "-" $4) ($2 == "tcp" ? "" : "/" $2) ": " by
    }')
  [ -z "$ports_taken" ] || problem "$ports_taken"
}

# compose keeps a network or a volume that is there, however it was made. What a volume holds, nobody may remove unasked.
check_kept() {
  check_made network '{{with index .Labels "dev.everfresh.definition"}}{{urlquery .}}{{end}}' \
    "was made from another definition, and docker compose would leave it so; give it another name in the compose file" <<EOF
$networks
EOF
  # shellcheck disable=SC2016 # the template's own variables
  check_made volume '{{urlquery .Driver}}|{{range $key, $value := .Options}}{{urlquery $key}}={{urlquery $value}} {{end}}' \
    "was made with another driver or other options, and docker would leave it so; give it another name in the compose file, or remove it with all that it holds (\`docker volume rm\` on the host)" <<EOF
$volumes
EOF
}

# $1 network or volume, $2 the template of what one was made from, $3 what is wrong when that is something else; on stdin one
# per line: name|what it is to be made from, or `external`.
check_made() {
  while IFS= read -r made_line; do
    [ -n "$made_line" ] || continue
    made_wanted=${made_line#*|}
    if made_from=$(inspected "$1" inspect --format "$2" -- "${made_line%%|*}" 2>/dev/null); then
      [ "$made_wanted" = external ] || [ "$made_from" = "$made_wanted" ] || problem "$1 ${made_line%%|*}: $3"
    elif [ "$made_wanted" = external ]; then
      problem "$1 ${made_line%%|*}: is external and not on this host; create it, or correct its name"
    fi
  done
}

# An image for another architecture runs only where the kernel has an emulator for it.
check_architecture() {
  [ -n "$engine_arch" ] && ! ls /proc/sys/fs/binfmt_misc/qemu-* >/dev/null 2>&1 || return 0
  problems=$problems$(printf '%s\n' "$release_images" | awk -F '|' -v arch="$engine_arch" '
    $3 == "" || $3 == arch || arch == "amd64" && $3 == "386" || arch == "arm64" && $3 == "arm" { next }
    { split($2, name, " "); print "image " name[1] ": is for " $3 ", the host is " arch "; build it for platform linux/" arch }')
}

# Sets `release_hashes`: compose's hash of each service of release $1, which it accepts by telling it.
check_compose() {
  release_hashes=$(compose_in 60 "releases/$1" config --hash '*' 2>/dev/null) && return
  check_said=$(compose_in 60 "releases/$1" config -q 2>&1 | tail -n 3)
  case $check_said in
  *"Additional property"*) check_said="$check_said; docker compose ${compose_version-} on this host does not know that yet: install a newer one, or leave it out" ;;
  esac
  problem "compose file: $check_said"
}
