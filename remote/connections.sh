# Who connects to a container, according to the kernel's tables for it. The proxy is not asked, and nothing is installed.

# After this many seconds in which nobody connects to any container, a rollout continues.
use_quiet=10

# Waits until somebody connects to new container $3 of service $2. Fails with `apply_fault` if only the old containers get
# connections. Where nobody connects to any of them, it waits for a while and then goes on.
await_use() { # $1 release, $2 service, $3 container
  ! is_unobserved "$1" "$2" || return 0
  use_old=$(without "$(ids_of "$(containers_of "$2")")" "$ready$nl$3")
  [ -n "$use_old" ] || return 0
  use_before=$(connections_to_each "$use_old")
  use_without="nobody has connected to it in $use_quiet s"
  connections_to "$3" >/dev/null || use_without="waited $use_quiet s, because it cannot be seen here who connects to it"
  clock
  use_from=$ticks use_seen='' use_announced='' use_asked=-1
  until use_now=$(connections_to "$3") && [ -n "$use_now" ]; do
    [ -z "$interrupted" ] || [ -n "$putting_back" ] || return 1
    use_seen=$use_seen$(without "$(connections_to_each "$use_old")" "$use_before")
    clock
    use_seconds=$(((ticks - use_from) / 100))
    if [ -z "$use_seen" ] || [ -n "$putting_back" ]; then
      [ "$use_seconds" -lt "$use_quiet" ] || { say "$2: $use_without"; return 0; }
    elif [ "$use_seconds" -ge "$health_timeout" ]; then
      apply_fault="fail|$2|nobody has connected to the new container in $health_timeout s, only to the old one; make the proxy look up $2 again while it runs|$3"
      return 1
    elif [ -z "$use_announced" ] && [ "$use_seconds" -ge 2 ]; then
      say "$2: waiting until somebody connects to the new container"
      use_announced=1
    fi
    [ "$use_seconds" = "$use_asked" ] || { ask_proxies "$1"; use_asked=$use_seconds; }
    nap
  done
  say "$2: the new container is ready and in use"
}

# Makes the HTTP requests of release $1's checks. Those to a proxy reach the containers behind it.
ask_proxies() (
  command_in() { :; }
  file_in() { :; }
  proof=$(verdicts "$1")
  run_checks "$1" || :
)

is_unobserved() { # $1 release, $2 service
  services "$1" | mark service | awk -F '|' -v wanted="$2" "$tables"'END { exit !(rollout[wanted] ~ /unobserved/) }'
}

# Waits until container $1 has no open connections, at most $2 seconds.
await_last_request() {
  clock
  drain_until=$((ticks + $2 * 100))
  while connections_to "$1" | grep -q ' open$'; do
    clock
    [ "$ticks" -lt "$drain_until" ] || return 0
    nap
  done
}

connections_to_each() { printf '%s\n' "$1" | while read -r use_id; do connections_to "$use_id" | cut -d ' ' -f 1; done; }

# Prints the connections to container $1 (see `connections_in`). Fails if the kernel's tables cannot be read.
connections_to() {
  connections_facts=$(engine inspect --format '{{.State.Pid}}{{range .NetworkSettings.Networks}} {{.Gateway}}{{end}}' "$1") || return 1
  connections_pid=${connections_facts%% *}
  # The engine may run in another machine, where the number means another process.
  if grep -q "$1" "/proc/$connections_pid/cgroup" 2>/dev/null; then
    cat "/proc/$connections_pid/net/tcp" "/proc/$connections_pid/net/tcp6" 2>/dev/null
  else
    engine exec "$1" cat /proc/net/tcp /proc/net/tcp6 2>/dev/null
  fi | connections_in "${connections_facts#* }"
}

# Prints the TCP connections that others have made to a container, one per line: remote address:port as the kernel writes them, and
# `open`, or `closed` if it ended in the last minute. The tables are on stdin. Neither the container itself nor this host, which is
# behind the gateways $1, count: the healthcheck and our checks would be taken for use.
connections_in() {
  awk -v gateways="$1" '
    function hex(address,   part) { # as the kernel writes it: the last part first
      split(address, part, ".")
      return sprintf("%02X%02X%02X%02X", part[4], part[3], part[2], part[1])
    }
    # proc(5), tcp: local address, remote address, state (1 ESTABLISHED, 4 and 5 FIN_WAIT, 6 TIME_WAIT, 8 CLOSE_WAIT, A LISTEN)
    $4 == "0A" { split($2, local, ":"); listens[local[2]] = 1 }
    $4 ~ /^0[145689B]$/ { count++; to[count] = $2; from[count] = $3; status[count] = $4 }
    END {
      if (NR == 0) exit 1
      gateway_count = split(gateways, gateway, " ")
      for (i = 1; i <= gateway_count; i++) is_host[hex(gateway[i])] = 1
      for (i = 1; i <= count; i++) {
        split(to[i], local, ":")
        split(from[i], remote, ":")
        if (!(local[2] in listens) || remote[1] == local[1]) continue
        sub(/^0000000000000000FFFF0000/, "", remote[1])
        if (remote[1] ~ /^......7F$/ || remote[1] in is_host) continue
        print remote[1] ":" remote[2] (status[i] ~ /^0[148]$/ ? " open" : " closed")
      }
    }'
}
