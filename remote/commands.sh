# The commands of `x-everfresh.before` and `x-everfresh.after`. Each runs once for a release, and has a time limit. The file `ran`
# records those that have succeeded, one per line: release, `before` or `after`, service.

# Runs the commands $2 (`before` or `after`) of release $1 that belong to services $3, one per line, and have not run yet. With $4, no
# container has been touched: only then can commands run in an old one before the release. Fails with `apply_fault`. When a
# release is put back, none run, because it has run them already.
run_commands() {
  [ -z "$putting_back" ] || return 0
  commands_release=$1 commands_of=$3 commands_in_old=${4-}
  run_calls "$1" "$2" || apply_fault="fail|$project|release $1 was changed by hand on this host|"
  [ -z "$apply_fault" ]
}

before() { [ "$calls" != before ] || run_command before "$@"; }
after() { [ "$calls" != after ] || run_command after "$@"; }

run_command() { # before|after service seconds run|exec word...
  [ -z "$apply_fault" ] && ! grep -qxF -e "$commands_release $1 $2" ran || return 0
  command_when=$1 command_service=$2 command_limit=$3 command_how=$4
  shift 4
  command_title="$command_when: $(title_of "$@")"
  if [ "$command_how" = exec ]; then
    [ "$command_when$commands_in_old" != before ] || return 0
    command_container=$(runs_of "$command_service" | ids_in_runs | head -n 1)
    [ -n "$command_container" ] || return 0
    set -- docker_within "$command_limit" exec "$command_container" "$@"
  else
    printf '%s\n' "$commands_of" | grep -qxF -e "$command_service" || return 0
    set -- in_own_container "$commands_release" compose.yaml "$command_service" "$command_when" "$@"
  fi
  [ -z "$interrupted" ] || { apply_fault="fail|$command_service|$command_title has not run; the deployment was told to stop|"; return 0; }
  say "$command_service: $command_title runs (at most $command_limit s)"
  run_limited "$command_service" "$command_title" "$command_limit" "$@" || return 0
  note_run || apply_fault="fail|$command_service|$command_title has run, but $folder cannot be written to record that; free some space|"
}

# A command's words, for messages and verdicts.
title_of() { printf '%.100s' "$*" | tr '\n|' '  '; }

# Runs a command that a project names. $1 service, $2 what it is, $3 its time limit in seconds, the rest what to call. Fails with
# `apply_fault`, and leaves what was printed in .run/command.
run_limited() {
  limited_service=$1 limited_what=$2 limited_seconds=$3
  shift 3
  clock
  limited_from=$ticks
  "$@" >.run/command 2>&1
  limited_status=$?
  clock
  if [ "$limited_status" = 0 ]; then
    rm -f .run/command
    return 0
  elif [ $((ticks - limited_from)) -ge $((limited_seconds * 100)) ]; then
    apply_fault="fail|$limited_service|$limited_what has not ended in $limited_seconds s|"
  else
    apply_fault="fail|$limited_service|$limited_what exited with status $limited_status|"
  fi
  return 1
}

# Runs words in a container of its own, made like those of service $3 in file $2 of release $1. Its name, with $4, makes two at once
# impossible: one that a killed deployment left is stopped.
in_own_container() {
  own_release=$1 own_file=$2 own_service=$3 own_name=everfresh-$project-$3-$4
  shift 4
  remove_own_container
  compose_file "$limited_seconds" "releases/$own_release/$own_file" \
    run --rm --no-deps -T --name "$own_name" "$own_service" "$@"
  own_status=$?
  remove_own_container
  return "$own_status"
}

remove_own_container() {
  ! engine inspect --type container --format ' ' "$own_name" >/dev/null 2>&1 || {
    stop_containers "$own_name"
    engine rm -f "$own_name"
  } >/dev/null 2>&1
}

note_run() {
  { contents ran | tail -n 1000; printf '%s\n' "$commands_release $command_when $command_service"; } | replace_file ran
}

all_services() { ids_of "$(services "$1")"; }

# The services of release $1 that could be started now: whatever they wait for is in that state, even if the release changes it.
with_needs_met() {
  {
    services "$1" | mark service
    printf '%s\n' "$finished" | mark finished
    observations
  } | awk -F '|' "$tables"'
    END {
      for (i = 1; i <= finished_count; i++) met[finished_service[i] "=ended"] = 1
      for (i = 1; i <= container_count; i++) {
        id = containers[i]
        if (state[id] == "running") met[service[id] "=started"] = 1
        if (state[id] == "running" && health[id] == "healthy") met[service[id] "=healthy"] = 1
        if (state[id] == "exited" && exit_status[id] == 0) met[service[id] "=started"] = met[service[id] "=ended"] = 1
      }
      for (i = 1; i <= service_count; i++) {
        is_met = 1
        need_count = split(needs[services[i]], need, " ")
        for (k = 1; k <= need_count; k++) {
          other = substr(need[k], 1, index(need[k], "=") - 1)
          if (other in replicas && replicas[other] > 0 && !(need[k] in met)) is_met = 0
        }
        if (is_met) print services[i]
      }
    }'
}
