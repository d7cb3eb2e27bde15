# When a deployment fails: puts back what ran before, and reports and records what went wrong.

# Ends the deployment. $1 which check failed, $2 why, for messages.
fail_because() {
  failed_check=$1 reason=$2
  fail
}

fail_preflight() { fail_because preflight "${problems%"$nl"}"; }

# Ends a deployment that could not be applied, naming the service at fault or else quoting compose's last line.
fail_to_apply() {
  stop_if_told
  if [ -n "$apply_fault" ]; then
    explain_failure "$apply_fault"
  else
    failed_check=compose reason=$(compose_reason)
    evidence=$(tail -n 10 .run/up 2>/dev/null)
  fi
  fail
}

# Sets `failed_service`, `failed_check`, `reason` and `evidence` (the last lines of its log) from a verdict that is not good.
explain_failure() { # $1 verdict
  explain_rest=${1#*|}
  failed_service=${explain_rest%%|*}
  explain_rest=${explain_rest#*|}
  failed_check=${explain_rest%%|*}
  explain_container=${explain_rest#*|}
  reason="$failed_service: $failed_check"
  case $explain_container in
  *[!0-9a-f]* | '') evidence=$(tail -n 10 .run/command 2>/dev/null) ;;
  *)
    evidence=$(engine logs --tail 10 "$explain_container" 2>&1 | tail -c 16384 | tail -n 10)
    explain_healthcheck=$(last_healthcheck "$explain_container")
    [ -z "$explain_healthcheck" ] || evidence="$evidence${evidence:+$nl}healthcheck: $explain_healthcheck"
    ;;
  esac
}

# The last line that the last healthcheck of container $1 printed.
last_healthcheck() {
  engine inspect --format '{{with index .State "Health"}}{{range .Log}}{{.Output}}{{"\n"}}{{end}}{{end}}' "$1" 2>/dev/null |
    grep -v '^ *$' | tail -n 1 | cut -c 1-300
}

# compose's last line, which a full disk may have kept it from writing.
compose_reason() {
  printf 'docker compose up: %s' "$(grep -v '^ *$' .run/up 2>/dev/null | tail -n 1)"
  # See check_ports.
  ! grep -q 'port is already allocated' .run/up 2>/dev/null || printf '; if no container uses that port, restart docker on the host'
  [ "$(free_kilobytes .)" -ge 256 ] || printf '; free some space under %s' "$folder"
}

# Ends a deployment that failed because of `failed_check`: puts back what ran before if containers may have been touched, records
# the outcome, and prints `reason`, `evidence` and what serves now. Signals no longer stop it.
fail() {
  interrupted=''
  rm -f .run/reserve
  say "failed: $reason"
  fail_check="\"check\":\"$(json_safe "$failed_check")\"${failed_service:+,\"service\":\"$(json_safe "$failed_service")\"}"
  fail_status=1
  if [ -f unfinished ]; then
    phase "put back"
    fail_reason=$reason fail_evidence=$evidence
    if put_back; then
      fail_outcome="put back"
      rm -f unfinished
    else
      fail_outcome=broken fail_status=4
    fi
    put_back_reason=$reason reason=$fail_reason evidence=$fail_evidence
  else
    fail_outcome=failed what_serves=$(say_what_serves "serves, untouched" "was not touched")
  fi
  phase end
  record_deployment "$deployment" "$release" "$begun_at" "$(deployment_facts)" "$fail_outcome" ",\"seconds\":{$phases},$fail_check"
  [ "$fail_status" != 1 ] || remove_unproved_release
  say_reason
  [ "$fail_status" = 1 ] || say "what ran before could not be put back: $put_back_reason; check \`everfresh logs\` and deploy again"
  say "${what_serves:-no release of $project is serving}"
  exit "$fail_status"
}

say_reason() {
  say ""
  say "$reason"
  [ -z "$evidence" ] || say "$(printf '%s\n' "$evidence" | sed 's/^/  | /')"
}

# Nobody needs a release that never ran.
remove_unproved_release() {
  [ "$release" = "$previous" ] || [ -f "releases/$release/proved" ] || rm -rf "releases/$release"
}

# Prints what serves after a failure: $1 if everything that ran when the previous release was proved is running, else $2 and what
# is not.
say_what_serves() {
  [ -n "$previous" ] || return
  observe || { printf '%s' "release $previous $2; docker does not answer"; return; }
  not_serving=$({
    proved_runs "$previous" | mark proved
    printf '%s\n' "$observed" | mark container
  } | awk -F '|' "$tables"'
    END {
      for (i = 1; i <= container_count; i++) {
        id = containers[i]
        if (state[id] != "running") worst[service[id]] = state[id]
        else if (health[id] == "unhealthy") worst[service[id]] = health[id]
        else serving[service[id]]++
      }
      for (i = 1; i <= proved_count; i++) {
        if (proved_state[i] != "running") continue
        if (!wanted[proved_service[i]]++) names[++count] = proved_service[i]
      }
      for (i = 1; i <= count; i++) {
        name = names[i]
        if (serving[name] + 0 >= wanted[name]) continue
        text = text (text == "" ? "" : ", ") name " is " (worst[name] == "" ? "missing" : worst[name])
      }
      print text
    }')
  printf '%s' "release $previous ${not_serving:+$2; }${not_serving:-$1}"
}

# Puts back what ran before this deployment: the previous release, or nothing if this is the first. Sets `what_serves`; fails
# with `reason`.
put_back() {
  failed_service='' failed_check='' evidence='' what_serves=''
  clock
  put_back_until=$((ticks + health_timeout * 100))
  wait_for_engine "$put_back_until" || return 1
  record_one_shots "$release" || :
  if [ -z "$previous" ]; then
    remove_first_release
  elif [ "$previous" = "$release" ]; then
    leave_same_release
  else
    put_back_previous
  fi
}

# Waits for an engine that died and may be restarting. $1 until when
wait_for_engine() {
  until observe; do
    clock
    [ "$ticks" -lt "$1" ] || { reason="docker does not answer"; return 1; }
    nap
  done
}

remove_first_release() {
  [ "$take_over" != unmanaged ] || { reason="everfresh did not deploy the containers that ran before"; return 1; }
  say "removing what was created"
  remove_containers && remove_made network
}

# The previous release is the one that failed: putting it back succeeds only if nothing has changed.
leave_same_release() {
  reason="there is no release to put back other than $release itself"
  [ "$(vitals "$observed")" = "$(vitals "$observed_before")" ] || {
    ! something_runs || what_serves="part of release $release still runs"
    return 1
  }
  what_serves=$(say_what_serves "stays as it was" "stays as it was")
}

something_runs() {
  printf '%s\n' "$observed" | mark container | awk -F '|' "$tables"'
    END { for (id in state) if (state[id] == "running") found = 1; exit !found }'
}

put_back_previous() {
  say "putting back $previous"
  observed_before=$observed putting_back=1 announced_changes='' broken_check=''
  know_images "$previous"
  check_compose "$previous"
  # An engine that has just restarted may still hold ports of containers that it is about to stop.
  until apply "$previous"; do
    clock
    [ "$ticks" -lt "$put_back_until" ] || { reason=$(compose_reason); return 1; }
    sleep 1
  done
  prove "$previous" || return 1
  what_serves=$(say_what_serves "serves again" "is back as it was")
  rm -f replaced
  record_proof_again
}

# The containers of the previous release have new ids now. Everything else in its proof stays, such as who deployed it and its
# token.
record_proof_again() (
  deployment=$(field current/proved deployment) host=$(field current/proved host) who=$(field current/proved who)
  from=$(field current/proved from) stack=$(field current/proved stack)
  record_proof "$previous" "$(field current/proved token)" "$(lineage_of "$previous")"
)
