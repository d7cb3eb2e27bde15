# Rollouts: a new container starts beside the old one, which is removed only once the new one has proved itself and is in use.
# Until then, whatever fails leaves the old one as it was.

# Replaces the containers of service $2 by those of release $1, one after the other. Fails like `apply`.
roll_out() { # $1 release, $2 service
  # When a release is put back, its containers that ran before need no further proof.
  ready=''
  [ -z "$putting_back" ] || ready=$(ids_of "$observed_at_start")
  while :; do
    [ -z "$interrupted" ] || [ -n "$putting_back" ] || return 1
    rollout_step=$(next_step "$1" "$2")
    rollout_what=${rollout_step#*|}
    case $rollout_step in
    start*) start_beside "$1" "$2" "$rollout_what" ;;
    prove*) await_ready "$1" "$2" "$rollout_what" ;;
    retire*) retire "$1" "$2" "$rollout_what" ;;
    remove*) remove_now "$rollout_what" ;;
    *) return 0 ;;
    esac || return 1
  done
}

# Starts one more container of service $2, and waits until it is ready. As in `bring_up`, the container is first created, so that it
# has the labels and hash that compose would have given it.
start_beside() { # $1 release, $2 service, $3 how many containers it has then
  beside_before=$(ids_of "$observed")
  compose_up "$1" "--no-start --no-recreate --scale $2=$3" "$2" >>.run/up 2>&1 && observe_again || return 1
  beside_new=$(without "$(ids_of "$(containers_of "$2")")" "$beside_before" | head -n 1)
  [ -n "$beside_new" ] || { echo "no new container of $2 has appeared" >>.run/up; return 1; }
  has_hash_of_release "$beside_new" || {
    recreate_after_all "$1" "$2" "$beside_new" "this host's docker compose is too old to start it first"
    return
  }
  agrees_on_routes "$2" "$beside_new" || {
    recreate_after_all "$1" "$2" "$beside_new" \
      "its labels for Traefik change, and Traefik drops a route that two containers describe differently"
    return
  }
  if [ -z "$putting_back" ]; then
    say "$2: starting a new container beside the old one"
  else
    say "$2: starting the previous version beside the new one"
  fi
  announced_changes="$announced_changes${nl}recreate $2"
  compose_up "$1" "-d --no-deps --no-recreate --scale $2=$3" "$2" >>.run/up 2>&1 && observe_again || return 1
  await_ready "$1" "$2" "$beside_new" || return 1
  # Otherwise, the next step would be to start yet another one.
  ! changes_to "$1" | grep -qxF "outdated|$2|$beside_new" || {
    echo "the new container of $2 is not as the release describes it" >>.run/up
    return 1
  }
}

# Until 2.18, `--scale` changes compose's hash of a service that has no `deploy` (`ServiceHash` in its pkg/compose/hash.go): the next
# `up` would recreate a container that was started beside another.
has_hash_of_release() { # $1 container
  { printf '%s\n' "$release_hashes" | sed -n 's/^\([^ ]*\) /hash|\1|/p'; observations; } | awk -F '|' -v id="$1" "$tables"'
    END { exit !(config_hash[id] == release_hash[service[id]]) }'
}

# Whether container $2 of service $1 has the same labels for Traefik as the others. If two containers describe a route, service or
# middleware differently, Traefik uses neither description (seen with 3.7; pkg/provider/merge.go there).
agrees_on_routes() {
  routes_new=$(labels_for_traefik "$2")
  [ -n "$routes_new" ] || return 0
  for routes_id in $(without "$(ids_of "$(containers_of "$1")")" "$2"); do
    routes_old=$(labels_for_traefik "$routes_id")
    [ -z "$routes_old" ] || [ "$routes_old" = "$routes_new" ] || return 1
  done
}

# shellcheck disable=SC2016 # the template's own variables
labels_for_traefik() { # $1 container
  engine inspect --type container \
    --format '{{range $key, $value := .Config.Labels}}{{println (urlquery $key) (urlquery $value)}}{{end}}' "$1" | grep -i '^traefik\.'
}

recreate_after_all() { # $1 release, $2 service, $3 the container that was created, $4 why
  say "$2: $4; it is recreated"
  wave_recreates=$2
  remove_now "$3" && bring_up "$1" "$(to_renew "$1")" "$2" && observe_again
}

# Waits until new container $3 of service $2 is good, passes its checks, and is in use. Adds it to `ready`. Fails with `apply_fault`.
await_ready() { # $1 release, $2 service, $3 container
  clock
  ready_until=$((ticks + health_timeout * 100)) ready_since=''
  until is_ready "$1" "$3"; do
    [ -z "$interrupted" ] || [ -n "$putting_back" ] || return 1
    case $proof in fail*) apply_fault=$proof; return 1 ;; esac
    clock
    [ "$ticks" -lt "$ready_until" ] || { apply_fault=$(unready_verdict "$2" "$3"); return 1; }
    nap
    observe_again || return 1
  done
  await_use "$1" "$2" "$3" && observe_again || return 1
  is_ready "$1" "$3" || { apply_fault=$(unready_verdict "$2" "$3"); return 1; }
  ready=$ready$nl$3
}

# Whether container $2 of release $1 is good and passes its checks, and has been so for `settle` seconds if it has no healthcheck.
# Sets `proof` to the verdict on it.
is_ready() { # $1 release, $2 container
  proof=$(verdicts "$1" "$2")
  case $proof in
  good*) run_checks "$1" || return 1 ;;
  *) ready_since='' && return 1 ;;
  esac
  case $proof in *'|running') ;; *) return 0 ;; esac
  clock
  ready_since=${ready_since:-$ticks}
  [ $((ticks - ready_since)) -ge $((settle * 100)) ]
}

# The verdict that ends the deployment because of container $2 of service $1.
unready_verdict() {
  unready_problem=$(printf '%s\n' "$proof" | cut -d '|' -f 3)
  [ -z "$broken_check" ] || unready_problem=$(printf '%s\n' "$broken_check" | cut -d '|' -f 2)
  clock
  [ "$ticks" -lt "$ready_until" ] || unready_problem="${unready_problem:-is missing} after $health_timeout s"
  printf '%s\n' "fail|$1|${unready_problem:-is missing}|$2"
}

# Takes container $3 of service $2 out of use: drains it, stops it, removes it.
retire() { # $1 release, $2 service, $3 container
  if [ -z "$putting_back" ]; then say "$2: the old container leaves"; else say "$2: the new container leaves"; fi
  drain_container "$1" "$2" "$3"
  remove_now "$3"
}

# Runs the drain command of service $2 in container $3, and gives running requests the time that they may take.
drain_container() { # $1 release, $2 service, $3 container
  drained_service=$2 drained_container=$3
  run_calls "$1" drain || :
}

drain() { # service seconds word...
  [ "$calls" = drain ] && [ "$1" = "$drained_service" ] || return 0
  drain_seconds=$2
  shift 2
  drain_output=$(engine exec "$drained_container" "$@" 2>&1) ||
    say "$drained_service: the drain command failed: $(printf '%s' "$drain_output" | tail -n 1)"
  await_last_request "$drained_container" "$drain_seconds"
}
