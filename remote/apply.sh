# Changes containers, wave by wave: a service's old container is touched only once all its dependencies are in the state that it
# waits for. Compose alone removes all old containers first, and only then starts to wait.

# Brings the containers to release $1. Fails with `apply_fault`, the verdict on a service that does not reach the state others
# wait for, or with compose's output in .run/up.
apply() {
  rm -f .run/up
  apply_fault='' restarting='' applied='' announced_wait=''
  is_as_staged "$1" compose.yaml services || { apply_as_it_is "$1"; return; }
  finished=$(finished_one_shots "$1")
  resume_paused || return 1
  [ -z "$putting_back" ] || remove_orphans "$1"
  note_lost_files "$1"
  changes=$(changes_to "$1")
  remove_now "$(printf '%s\n' "$changes" | sed -n 's/^leftover|.*|//p')" || return 1
  pending=$(printf '%s\n' "$changes" | sed -n 's/^start|//p')
  wait_from_now
  while [ -n "$pending$restarting" ]; do
    [ -z "$interrupted" ] || [ -n "$putting_back" ] || return 1
    next_wave "$1" >.run/wave || return 1
    case $(head -n 1 .run/wave) in
    go*) run_wave "$1" || return 1 ;;
    fail*)
      apply_fault=$(head -n 1 .run/wave)
      return 1
      ;;
    *) keep_waiting || return 1 ;;
    esac
  done
  run_commands "$1" before "$(all_services "$1")" && take_new_files "$1" || return 1
  stop_orphans "$1"
  show_compose_warnings
  observed_just_now=1
}

# A release that was changed by hand on this host is not deployed. If it was the previous one, it is put back as it is: it serves
# again, but its files are not trusted to decide that a container is removed.
apply_as_it_is() { # $1 release
  [ "$1" != "$release" ] || { echo "release $1 was changed by hand on this host" >.run/up; return 1; }
  say "release $1 was changed by hand on this host; putting it back as it is"
  compose_up "$1" -d >>.run/up 2>&1
  apply_status=$?
  observe && observed_just_now=1 && return "$apply_status"
  return 1
}

# Shows each of compose's warnings once, in its own words, except those about orphans: everfresh removes containers that the
# release does not have.
show_compose_warnings() {
  [ -z "$putting_back" ] && [ -f .run/up ] || return 0
  sed -n 's/.* level=warning msg=//p' .run/up | sed 's/^"\(.*\)"$/\1/; s/\\"/"/g' | grep -v 'orphan containers' | sort -u |
    sed 's/^/docker compose: /' >.run/warnings
  [ ! -s .run/warnings ] || say "$(cat .run/warnings)"
}

# Carries out .run/wave.
run_wave() { # $1 release
  wave_starts=$(sed -n 's/^go|start|//p' .run/wave) wave_restarts=$(sed -n 's/^go|restart|//p' .run/wave)
  observed_before_wave=$observed
  [ -z "$wave_starts" ] || start_wave "$1" || return 1
  [ -z "$wave_restarts" ] || restart_wave "$1" || return 1
  remove_now "$(never_started)" || return 1
  pending=$(without "$pending" "$wave_starts")
  applied=$applied$nl$wave_starts$nl$wave_restarts
  restarting=$(without "$restarting" "$wave_restarts")
  restarting=$(printf '%s\n' "$restarting" "$(restarts_with "$1")" | grep . | sort -u)
  announce_changes
  wait_from_now
}

start_wave() { # $1 release
  check_new_files "$1" "$wave_starts" && run_commands "$1" before "$wave_starts" && place_files "$1" "$wave_starts" || return 1
  wave_rollouts=$(services_to_roll_out "$1" | without_anonymous_volumes)
  wave_recreates=$(without "$wave_starts" "$wave_rollouts")
  free_claims "$1" && remove_now "$(wrongly_kept)" || return 1
  [ -z "$wave_recreates" ] || {
    # shellcheck disable=SC2086 # one word per service
    bring_up "$1" "$(to_renew "$1")" $wave_recreates && observe_again || return 1
  }
  for rollout_service in $wave_rollouts; do
    roll_out "$1" "$rollout_service" || return 1
  done
}

restart_wave() { # $1 release
  # shellcheck disable=SC2086 # one word per service
  compose_within $((health_timeout + 300)) "releases/$1" restart --no-deps $wave_restarts >>.run/up 2>&1 && observe_again
}

# The containers that compose would wrongly keep, of services that it recreates.
wrongly_kept() {
  printf '%s\n' "$changes" | sed -n 's/^replace|//p' | while IFS='|' read -r wrong_service wrong_id; do
    ! printf '%s\n' "$wave_recreates" | grep -qxF "$wrong_service" || printf '%s\n' "$wrong_id"
  done
}

# Containers that compose created besides those of the wave, for finished one-shots whose container is gone.
never_started() {
  { printf '%s\n' "$wave_starts" | mark starting; observations; } | awk -F '|' "$tables"'
    END {
      for (i = 1; i <= container_count; i++) {
        id = containers[i]
        if (state[id] == "created" && !starting[service[id]] && !(id in off_limits)) print id
      }
    }'
}

# Brings up services of release $1 whose dependencies are up. `--no-start` takes dependencies into account, so the containers get
# the labels and hash that match the whole file; it starts nothing and waits for nothing. Both steps run in one process, which
# finishes even if this program is killed.
bring_up() { # $1 release, $2 the services that get new anonymous volumes, the rest all services
  (
    bring_up_release=$1 bring_up_renewed=$2
    shift 2
    # shellcheck disable=SC2086 # one word per service
    { [ -z "$bring_up_renewed" ] || compose_up "$bring_up_release" "--no-start -V" $bring_up_renewed; } &&
      compose_up "$bring_up_release" --no-start "$@" &&
      compose_up "$bring_up_release" "-d --no-deps --no-recreate" "$@"
  ) >>.run/up 2>&1
}

# `up` without pulling or building. $1 release, $2 more options, the rest services (default: all)
compose_up() {
  up_release=releases/$1 up_options=$2
  shift 2
  # shellcheck disable=SC2086 # one word per option
  compose_within $((health_timeout + 300)) "$up_release" up $up_options --no-build --pull never "$@"
}

# Observes; if the engine does not answer, reports that the way compose reports its own failures.
observe_again() { observe || { echo "docker does not answer" >>.run/up; return 1; }; }

# Waits a moment for what .run/wave names; fails with `apply_fault` when it takes too long. A one-shot may take longer.
keep_waiting() {
  IFS='|' read -r _ needed_service needed_problem needed_container waiting_service waiting_for <.run/wave || :
  wait_limit=$health_timeout
  [ "$waiting_for" != ended ] || wait_limit=$((health_timeout + 300))
  clock
  if [ $((ticks - wait_from)) -ge $((wait_limit * 100)) ]; then
    apply_fault="fail|$needed_service|$needed_problem after $wait_limit s|$needed_container"
    return 1
  fi
  if [ "$announced_wait" != "$needed_service|$needed_problem" ] && [ $((ticks - wait_from)) -ge 100 ]; then
    announced_wait="$needed_service|$needed_problem"
    say "$waiting_service waits: $needed_service $needed_problem"
  fi
  nap
  observe_again
}

wait_from_now() {
  clock
  wait_from=$ticks
}

# Takes the ports, names and addresses that the wave claims from containers that still hold them.
free_claims() { # $1 release
  free_holders=$(claim_holders "$1")
  [ -n "$free_holders" ] || return 0
  printf '%s\n' "$free_holders" | while IFS='|' read -r free_how free_id free_name; do
    case $free_how in
    rename) free_output=$(engine rename "$free_id" "$(printf '%.12s' "$free_id")_${free_name#/}" 2>&1) ;;
    *)
      say "stop $free_name: another service takes its port or address"
      free_output=$(stop_containers "$free_id" 2>&1)
      ;;
    esac || { printf '%s\n' "$free_output" >>.run/up; exit 1; }
  done
}

# Only stops them: until the release is proved, they may be needed again.
stop_orphans() { # $1 release
  stop_ids=$(orphans "$1" running)
  [ -n "$stop_ids" ] || return 0
  stop_containers "$stop_ids" >/dev/null 2>&1 || :
  observe
}

remove_orphans() { remove_now "$(orphans "$1")"; }

# Stops and removes containers, one per line, and observes again.
remove_now() {
  [ -n "$1" ] || return 0
  stop_containers "$1" >/dev/null 2>&1 || :
  # shellcheck disable=SC2086 # one word per id
  docker_within 60 rm -f $1 >/dev/null 2>&1 || :
  observe_again
}

# Compose and docker can do nothing with a paused container.
resume_paused() {
  paused=$(observations | awk -F '|' "$tables"'
    END {
      for (i = 1; i <= container_count; i++)
        if (state[containers[i]] == "paused" && !(containers[i] in off_limits)) print containers[i]
    }')
  [ -n "$paused" ] || return 0
  # shellcheck disable=SC2086 # one word per id
  engine unpause $paused >/dev/null 2>&1 || :
  observe_again
}

# Announces every change to containers since the deployment began to change them, each once.
announce_changes() {
  changes_now=$(observations | awk -F '|' "$tables"'
    END {
      for (id in before_service) had_container[before_service[id]] = 1
      for (i = 1; i <= container_count; i++) {
        id = containers[i]; name = service[id]
        if (state[id] == "created") continue
        if (!(id in before_service)) print (name in had_container ? "recreate " : "create ") name
        else if (before_started_at[id] != started_at[id]) print "restart " name
      }
    }' | sort -u)
  changes_new=$(without "$changes_now" "$announced_changes")
  [ -z "$changes_new" ] || say "$changes_new"
  announced_changes=$announced_changes$nl$changes_new
}
