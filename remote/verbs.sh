# The small verbs: they only read, except for unlock.

# report: the result of the last proved deployment. If its record is damaged, judges the running containers again.
report() {
  find_folder && release=$(current_release) && [ -n "$release" ] ||
    refuse 1 "$project: nothing is deployed here; run \`pulumi up\`"
  report_line=$([ ! -f "releases/$release/result.json" ] || head -c 1048576 "releases/$release/result.json")
  case $report_line in
  "{\"release\":\"$release\",\"verifiedAt\":\""*)
    is_json "$report_line" && printf '%s\n' "$report_line" && return
    ;;
  esac
  say "$folder/releases/$release/result.json: is damaged; this result was judged again from what runs now"
  if is_as_staged "$release" services && observe; then
    know_images "$release"
    finished=$(proved_one_shots "$release")
    proof=$(verdicts "$release")
  fi
  result_of "$release" "$(json_safe "$(field "releases/$release/proved" at)")"
}

# history: the last deployments, limited to a size that an answer can carry.
history() {
  find_folder && [ -f ledger.jsonl ] || return 0
  tail -n 10000 ledger.jsonl | tail -c 8388608
}

# logs: the last lines of each container's log, prefixed with its service.
logs() {
  find_folder || :
  logs_ids=$(container_ids ${logs_service:+--filter "label=com.docker.compose.service=$logs_service"} 2>/dev/null) || refuse_engine
  for id in $logs_ids; do
    logs_name=$(inspected inspect --type container --format "$(label_template service)" "$id")
    engine logs --timestamps --tail "$logs_tail" "$id" 2>&1 | logs_name=$logs_name awk '{ print ENVIRON["logs_name"] " | " $0 }'
  done
}

# follow: like logs, but goes on with what is written from now on, also by containers that start later, until the reader is gone:
# its connection is on descriptor 4.
follow() {
  find_folder || :
  follow_ids=$(container_ids ${logs_service:+--filter "label=com.docker.compose.service=$logs_service"} 2>/dev/null) || refuse_engine
  [ -n "$follow_ids" ] || [ -z "$logs_service" ] ||
    refuse 1 "$logs_service: has no container here; run \`everfresh status\` to list the services"
  follow_containers 4<&- &
  cat <&4 >/dev/null 2>&1
}

# Whether the shell that runs the verb still does. Everything that it started ends on its own when it does not, however it ended.
is_followed() { kill -0 $$ 2>/dev/null; }

# Follows each run of each container. Of those that run already, the last lines first.
follow_containers() {
  followed=$nl follow_from="--tail $logs_tail"
  while is_followed; do
    for follow_run in $(runs_to_follow); do
      case $followed in
      *"$nl$follow_run$nl"*) continue ;;
      esac
      followed=$followed$follow_run$nl
      follow_log "$follow_run" | prefixed "${follow_run##*|}" &
    done
    follow_from=''
    sleep 1
  done
}

# The runs of the project's containers: id|since when|service.
runs_to_follow() {
  follow_ids=$(container_ids ${logs_service:+--filter "label=com.docker.compose.service=$logs_service"} 2>/dev/null)
  # shellcheck disable=SC2086 # one word per id
  [ -z "$follow_ids" ] ||
    inspected inspect --type container --format "{{.Id}}|{{.State.StartedAt}}|$(label_template service)" $follow_ids 2>/dev/null |
    grep -v '|0001-' # not started yet
}

# Prints the log of run $1 until it ends.
follow_log() {
  follow_since=${1#*|}
  # shellcheck disable=SC2086 # an option and its value
  docker logs --follow --timestamps ${follow_from:---since ${follow_since%|*}} "${1%%|*}" 2>&1 </dev/null 3>&- &
  follow_docker=$!
  { while is_followed; do sleep 1; done; kill "$follow_docker"; } >/dev/null 2>&1 &
  follow_watch=$!
  wait "$follow_docker"
  kill "$follow_watch" 2>/dev/null
}

# Prefixes each line of stdin with $1, at once. mawk would wait for more of them.
prefixed() {
  if sed -u p </dev/null 2>/dev/null; then
    sed -u "s,^,$1 | ,"
  else
    awk -v name="$1" '{ print name " | " $0; fflush() }'
  fi
}

# inside: prints the facts of `probe`, and after them for each container of service `inside_service`:
#   inside {...}         the content hash of its image, and what is mounted in it
#   changed|container|   a line of `docker diff`, at most 5000 of them: what differs from its image, mounts left out
inside() {
  probe
  engine_limit=30
  [ "$PWD" = "$folder" ] || return 0
  inside_ids=$(container_ids --filter "label=com.docker.compose.service=$inside_service" 2>/dev/null) || refuse_engine
  inside_template='{"id":{{json .Id}},"content":{{json (index .Config.Labels "dev.everfresh.content")}}'
  inside_template=$inside_template',"mounts":{{json .Mounts}},"tmpfs":{{with index .HostConfig "Tmpfs"}}{{json .}}{{else}}null{{end}}}'
  for id in $inside_ids; do
    # Either fails for one that went away.
    inside_changes=$(engine diff "$id") && engine inspect --type container --format "inside $inside_template" "$id" || continue
    [ -z "$inside_changes" ] || printf '%s\n' "$inside_changes" | head -n 5000 | sed "s/^/changed|$id|/"
  done
}

# unlock: stops the process that holds the lock. The lock itself is never left behind: the kernel frees it with its last holder.
unlock() {
  find_folder || refuse 1 "$project: nothing is deployed here; there is no lock"
  is_locked || {
    say "$project: not locked"
    return
  }
  say "stopping the deployment of $(holder)"
  clock
  unlock_from=$ticks unlock_signal=''
  while is_locked; do
    clock
    # On TERM it puts back what ran before, which takes a while. After that it is killed.
    if [ $((ticks - unlock_from)) -ge $((lock_wait * 100)) ]; then
      signal_holders KILL
    elif [ -z "$unlock_signal" ]; then
      unlock_signal=TERM
      signal_holders TERM
    fi
    [ $((ticks - unlock_from)) -lt $((lock_wait * 100 + 3000)) ] ||
      refuse 1 "$project: the process that holds the lock cannot be stopped; restart docker on the host, or the host itself"
    nap
  done
  say "unlocked; the next deployment repairs whatever was left unfinished"
}

# doctor: runs the preflight's checks of the host itself.
doctor() {
  make_folder
  mkdir -p .run
  ask_compose
  check_tools
  check_engine
  check_disk
  flush . || problem "$folder: cannot be written to the disk; check its file system"
  command -v bash >/dev/null 2>&1 || command -v nc >/dev/null 2>&1 ||
    problem "host: has neither bash nor nc; install one if a service uses an http check"
  [ -z "$problems" ] || refuse 1 "${problems%"$nl"}"
  say "this host is ready"
}

# Signals the program that holds the lock; with KILL, or if it is already dead, everything it left running.
signal_holders() {
  holder_pid=$(field holder pid | grep -x '[0-9]*')
  if [ "$1" = TERM ] && [ "$(readlink "/proc/$holder_pid/fd/9" 2>/dev/null)" = "$folder/lock" ]; then
    kill -TERM "$holder_pid" 2>/dev/null || :
    return
  fi
  for holder_process in /proc/[0-9]*; do
    [ "$(readlink "$holder_process/fd/9" 2>/dev/null)" != "$folder/lock" ] || kill -s "$1" "${holder_process#/proc/}" 2>/dev/null || :
  done
}
