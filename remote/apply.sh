# Changing containers, wave by wave: a service's old container is touched only when everything that it waits for is as it
# waits for it. compose by itself removes all old containers first, and then begins to wait.

# Makes the containers those of release $1. Fails with `apply_fault`, the verdict on a service that does not become as others
# wait for it, or with what compose said in .run/up.
apply() {
  rm -f .run/up
  apply_fault='' restarting='' applied='' waiting_for=''
  if ! is_as_staged "$1" compose.yaml services; then
    [ "$1" != "$release" ] || { echo "release $1 was changed by hand on this host" >.run/up; return 1; }
    # It served before: what was changed by hand serves again, but decides about no container that is to be removed.
    say "release $1 was changed by hand on this host, and is put back as it is"
    compose_up "$1" -d >>.run/up 2>&1
    apply_status=$?
    look && looked=1 && return "$apply_status"
    return 1
  fi
  finished=$(finished_services "$1")
  resume_paused || return 1
  [ -z "$putting_back" ] || discard_orphans "$1"
  changes=$(changes_to "$1")
  discard "$(printf '%s\n' "$changes" | sed -n 's/^over|.*|//p')" || return 1
  pending=$(printf '%s\n' "$changes" | sed -n 's/^todo|//p')
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
  stop_orphans "$1"
  tell_warnings
  looked=1
}

# What this host's compose warns of, each once, in its own words; containers that the release does not have are ours to remove.
tell_warnings() {
  [ -z "$putting_back" ] && [ -f .run/up ] || return 0
  sed -n 's/.* level=warning msg=//p' .run/up | sed 's/^"\(.*\)"$/\1/; s/\\"/"/g' | grep -v 'orphan containers' | sort -u |
    sed 's/^/docker compose: /' >.run/warnings
  [ ! -s .run/warnings ] || say "$(cat .run/warnings)"
}

# Does what .run/wave says.
run_wave() { # $1 release
  wave_starts=$(sed -n 's/^go|start|//p' .run/wave) wave_restarts=$(sed -n 's/^go|restart|//p' .run/wave)
  wave_before=$present
  if [ -n "$wave_starts" ]; then
    wave_odd=$({ printf '%s\n' "$wave_starts" | sed 's/^/W|/'; printf '%s\n' "$changes"; } | awk -F '|' '
      $1 == "W" { starts[$2] = 1 }
      $1 == "odd" && starts[$2] { print $3 }')
    # shellcheck disable=SC2086 # one word per service
    clear_the_way "$1" && discard "$wave_odd" && bring_up "$1" "$(to_renew "$1")" $wave_starts && look_again || return 1
  fi
  # shellcheck disable=SC2086 # one word per service
  [ -z "$wave_restarts" ] ||
    { compose_in $((health_timeout + 300)) "releases/$1" restart --no-deps $wave_restarts >>.run/up 2>&1 && look_again; } || return 1
  discard "$(never_started)" || return 1
  pending=$(without "$pending" "$wave_starts")
  applied=$applied$nl$wave_starts$nl$wave_restarts
  restarting=$(without "$restarting" "$wave_restarts")
  restarting=$(printf '%s\n' "$restarting" "$(restarts_with "$1")" | grep . | sort -u)
  tell_changes
  wait_from_now
}

# Containers that compose has made beside those of the wave: for finished one-shots that have none any more.
never_started() {
  { printf '%s\n' "$wave_starts" | sed 's/^/W|/'; printf '%s\n' "$present" | sed 's/^/C|/'; } | awk -F '|' -v except="$left_alone" '
    $1 == "W" { starts[$2] = 1 }
    $1 == "C" && $4 == "created" && !starts[$13] && !index(except, " " $2 " ") { print $2 }'
}

# Brings services of release $1 up, whatever they depend on: that is done. `--no-start` looks at what they depend on, and so
# gives the containers the labels and the hash that belong to the whole file; it starts nothing and waits for nothing. Both
# steps are one process, which ends what it began when this program is killed.
bring_up() { # $1 release, $2 those services that get new anonymous volumes, then all
  (
    bring_up_release=$1 bring_up_renewed=$2
    shift 2
    # shellcheck disable=SC2086 # one word per service
    { [ -z "$bring_up_renewed" ] || compose_up "$bring_up_release" "--no-start -V" $bring_up_renewed; } &&
      compose_up "$bring_up_release" --no-start "$@" &&
      compose_up "$bring_up_release" "-d --no-deps --no-recreate" "$@"
  ) >>.run/up 2>&1
}

# `up` with images that are there. $1 release, $2 what else it is told, then services (none: all)
compose_up() {
  up_release=releases/$1 up_how=$2
  shift 2
  # shellcheck disable=SC2086 # one word per option
  compose_in $((health_timeout + 300)) "$up_release" up $up_how --no-build --pull never "$@"
}

# Looks; an engine that does not answer is told as compose's own failures are.
look_again() { look || { echo "docker does not answer" >>.run/up; return 1; }; }

# Waits a little for what .run/wave names; fails, with `apply_fault`, when that took too long. A one-shot may take its time.
keep_waiting() {
  IFS='|' read -r _ waiting_dep waiting_what waiting_container waiting_service waiting_how <.run/wave || :
  waiting_limit=$health_timeout
  [ "$waiting_how" != ended ] || waiting_limit=$((health_timeout + 300))
  clock
  if [ $((ticks - wait_from)) -ge $((waiting_limit * 100)) ]; then
    apply_fault="fail|$waiting_dep|$waiting_what after $waiting_limit s|$waiting_container"
    return 1
  fi
  if [ "$waiting_for" != "$waiting_dep|$waiting_what" ] && [ $((ticks - wait_from)) -ge 100 ]; then
    waiting_for="$waiting_dep|$waiting_what"
    say "$waiting_service waits: $waiting_dep $waiting_what"
  fi
  nap
  look_again
}

wait_from_now() {
  clock
  wait_from=$ticks
}

# Takes what `holders` names from those that still have it.
clear_the_way() { # $1 release
  way_holders=$(holders "$1")
  [ -n "$way_holders" ] || return 0
  printf '%s\n' "$way_holders" | while IFS='|' read -r way_what way_id way_name; do
    case $way_what in
    rename) way_said=$(engine rename "$way_id" "$(printf '%.12s' "$way_id")_${way_name#/}" 2>&1) ;;
    *)
      say "stop $way_name: another service takes its port or address"
      way_said=$(docker_in 120 stop "$way_id" 2>&1)
      ;;
    esac || { printf '%s\n' "$way_said" >>.run/up; exit 1; }
  done
}

# They are removed when the release is proved: until then they may be wanted again.
stop_orphans() { # $1 release
  stop_ids=$(orphans "$1" running)
  [ -n "$stop_ids" ] || return 0
  # shellcheck disable=SC2086 # one word per id
  docker_in 120 stop $stop_ids >/dev/null 2>&1 || :
  look
}

discard_orphans() { discard "$(orphans "$1")"; }

# Stops and removes containers, one a line, and looks again.
discard() {
  [ -n "$1" ] || return 0
  # shellcheck disable=SC2086 # one word per id
  docker_in 120 stop $1 >/dev/null 2>&1 || :
  # shellcheck disable=SC2086 # one word per id
  docker_in 60 rm -f $1 >/dev/null 2>&1 || :
  look_again
}

# Nothing can be done with a container that is paused.
resume_paused() {
  paused=$(printf '%s\n' "$present" | awk -F '|' -v except="$left_alone" '$3 == "paused" && !index(except, " " $1 " ") { print $1 }')
  [ -n "$paused" ] || return 0
  # shellcheck disable=SC2086 # one word per id
  engine unpause $paused >/dev/null 2>&1 || :
  look_again
}

# Says which containers are others than before; not again what was said already.
tell_changes() {
  changes_now=$({ printf '%s\n' "$before" | sed 's/^/B|/'; printf '%s\n' "$present" | sed 's/^/C|/'; } | awk -F '|' '
    $2 == "" { next }
    $1 == "B" { had[$2] = $8; old[$13] = 1 }
    $1 == "C" && $4 != "created" {
      if (!($2 in had)) print (($13 in old) ? "recreate " : "create ") $13
      else if (had[$2] != $8) print "restart " $13 }' | sort -u)
  changes_new=$(without "$changes_now" "$told_changes")
  [ -z "$changes_new" ] || say "$changes_new"
  told_changes=$told_changes$nl$changes_new
}

# $1 without the lines of $2.
without() { printf '%s\n' "$1" | grep -vxF -e "$2"; }
