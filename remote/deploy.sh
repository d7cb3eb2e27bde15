# deploy: check, stage, pull, apply, prove, commit; or put back what ran before.

deploy() {
  phase lock
  take_lock
  deployment=$(date -u +%Y%m%dT%H%M%SZ)-$$
  begun_at=$(utc)
  ask_compose
  remember_unfinished
  previous=$(current_release)
  look || : # the preflight says why
  at_first=$present before=$present
  check_lineage
  phase check
  preflight
  phase pull
  pull "$release" || fail
  check_architecture
  [ -z "$problems" ] || fail_preflight
  give_up_if_told
  if already_runs; then
    say "$release runs already; nothing was touched"
    outcome=unchanged
    phase prove
  else
    phase apply
    own_files || { reason="configs and secrets: their owner and mode cannot be set on this host; leave uid, gid and mode out" failed_check=files; fail; }
    make_host_files && mark_unfinished || { reason="$folder: cannot be written; free some space" failed_check=disk; fail; }
    apply "$release" || apply_failed
    phase prove
    prove "$release" || fail
    # What the release does not have was only stopped.
    discard_orphans "$release" || { reason="docker does not answer" failed_check=engine; fail; }
    remember_finished "$release" || { reason="$folder: cannot be written; free some space" failed_check=disk; fail; }
    outcome=deployed
  fi
  phase commit
  rm -f .run/reserve
  record_proof "$release" "$token" "$lineage" && switch_current "$release" ||
    { reason="$folder: the proof cannot be written; free some space" failed_check=disk; fail; }
  remember "$deployment" "$release" "$begun_at" "$(facts)" "$outcome" ",\"seconds\":{$phases},\"pulled\":$pulled"
  rm -f unfinished replaced
  cat "releases/$release/result.json"
  prune
}

# What is somebody else's is not replaced unless told to: a release of another stack, or a container that is not ours.
check_lineage() {
  ! foreign_release=$(another_lineage) || [ "$take_over" = "$previous" ] ||
    refuse 2 "$project: $foreign_release; deploy from that stack, or set takeOver to $previous"
  [ -z "$strangers" ] || [ "$take_over" = unmanaged ] ||
    refuse 2 "$project: containers of this project run here ($(names_of "$strangers")) that everfresh did not deploy; remove them, choose another projectName, or set takeOver to unmanaged"
}

# Whether the release that serves is another stack's; says whose it is.
another_lineage() {
  [ -n "$previous" ] && another_owner=$(lineage_of "$previous") && [ -n "$another_owner" ] && [ "$another_owner" != "$lineage" ] || return 1
  printf '%s' "release $previous was deployed here at $(field current/proved at) by $(field current/proved who) from $(field current/proved from), stack $(field current/proved stack), whose state is not this one's"
}

preflight() {
  check_tools
  check_engine
  check_disk
  [ -z "$engine_arch" ] || { check_ports; check_kept; check_host_paths; }
  if [ -n "$kept" ]; then
    if [ ! -d "releases/$release" ]; then
      problem "release $release: not on this host any more; choose one of: $(kept_releases | sort -u | tr '\n' ' ')"
    elif [ -n "$(tampered "$release")" ]; then
      problem "release $release: changed by hand on this host ($(tampered "$release" | tr '\n' ' ')); deploy it from its sources"
    fi
  else
    phase stage
    [ -z "$(lacking)" ] || problem "$folder: mounted files are not there as they were sent; run \`pulumi up\` again"
    # Room that the commit or the putting back will want, when everything else is full.
    head -c 262144 /dev/zero 2>/dev/null >.run/reserve && stage ||
      problem "$folder: the release cannot be written; free some space ($(free_kilobytes .) KB free)"
  fi
  # Without an engine or a release there is nothing to ask; what else is wrong is said along with it.
  [ -z "$engine_arch" ] || [ ! -f "releases/$release/compose.yaml" ] || check_compose "$release"
  [ -n "$problems" ] || know_images "$release" || check_room
  [ -z "$problems" ] || fail_preflight
}

# What the engine would have to download for release $1, in bytes, as far as the layers are known. It uses a layer that it
# has only where all those below are the same; and of what is pulled together, each is downloaded once.
missing_bytes() {
  # shellcheck disable=SC2046 # one word per image
  missing_known=$(inspected image inspect --format '{{range .RootFS.Layers}}{{urlquery .}} {{end}}' $(engine image ls -q 2>/dev/null | sort -u) 2>/dev/null)
  {
    printf '%s\n' "$missing_known" | sed 's/^/L|/'
    printf '%s\n' "$release_images" | sed 's/^/I|/'
    services "$1" | sed 's/^/S|/'
  } | awk -F '|' '
    $1 == "L" { chain = ""; k = split($2, layer, " "); for (i = 1; i <= k; i++) has[chain = chain substr(layer[i], 8, 12)] = 1 }
    $1 == "I" { k = split($3, names, " "); for (i = 1; i <= k; i++) here[names[i]] = 1 }
    $1 == "S" && !here[$3] {
      chain = ""; k = split($6, layer, " ")
      for (i = 1; i <= k; i++) { split(layer[i], part, "="); if (!has[chain = chain part[1]]++) sum += part[2] }
    }
    END { printf "%.0f", sum }'
}

# Ends a deployment that was told to stop.
give_up_if_told() {
  [ -z "$interrupted" ] || { reason="the deployment was told to stop" failed_check=interrupted; fail; }
}

fail_preflight() {
  reason=${problems%"$nl"} failed_check=preflight
  fail
}

# Whether the very release runs, proved and untouched: then no container may be touched.
already_runs() {
  finished=$(finished_services "$release")
  [ "$previous" = "$release" ] && [ ! -f unfinished ] && [ ! -f replaced ] &&
    [ "$(running)" = "$(grep '^runs ' current/proved)" ] &&
    proof=$(verdicts "$release") && ! printf '%s\n' "$proof" | grep -q '^wait|\|^fail|' && run_checks "$release"
}

# The service at fault, or compose's own last words.
apply_failed() {
  if [ -n "$interrupted" ]; then
    give_up_if_told
  elif [ -n "$apply_fault" ]; then
    blame "$apply_fault"
  else
    failed_check=compose reason=$(compose_reason)
    evidence=$(tail -n 10 .run/up 2>/dev/null)
  fi
  fail
}

# compose's last words; on a full disk it may not have got them out.
compose_reason() {
  printf 'docker compose up: %s' "$(grep -v '^ *$' .run/up 2>/dev/null | tail -n 1)"
  # See check_ports.
  ! grep -q 'port is already allocated' .run/up 2>/dev/null || printf '; if no container has that port, restart docker on the host'
  [ "$(free_kilobytes .)" -ge 256 ] || printf '; free some space under %s' "$folder"
}

# Ends a deployment that went wrong: puts back what ran if containers may have been touched, tells, remembers.
fail() {
  interrupted=''
  rm -f .run/reserve
  say "failed: $reason"
  fail_failed="\"check\":\"$(plain "$failed_check")\"${failed_service:+,\"service\":\"$(plain "$failed_service")\"}"
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
    fail_outcome=failed serves=$(what_serves "serves, untouched" "was not touched")
  fi
  phase end
  remember "$deployment" "$release" "$begun_at" "$(facts)" "$fail_outcome" ",\"seconds\":{$phases},$fail_failed"
  # A release that never ran is of no use to anybody.
  [ "$fail_status" = 1 ] && [ "$release" != "$previous" ] && [ ! -f "releases/$release/proved" ] && rm -rf "releases/$release"
  say ""
  say "$reason"
  [ -z "$evidence" ] || say "$(printf '%s\n' "$evidence" | sed 's/^/  | /')"
  [ "$fail_status" = 1 ] || say "it could not be put back: $put_back_reason; look at it with \`everfresh logs\` and deploy again"
  say "${serves:-nothing of $project serves}"
  exit "$fail_status"
}

# What serves after a failure: $1 if all that ran when the previous release was proved runs, else $2 and what does not.
what_serves() {
  [ -n "$previous" ] || return
  look || { printf '%s' "release $previous $2; docker does not answer"; return; }
  idle=$({ runs_of "$previous" | sed 's/^/R|/'; printf '%s\n' "$present" | sed 's/^/C|/'; } | awk -F '|' '
    $1 == "R" && $4 == "running" { wanted[$5]++; if (wanted[$5] == 1) order[++n] = $5 }
    $1 == "C" && $4 == "running" && $5 != "unhealthy" { runs[$13]++ }
    $1 == "C" && $4 != "running" { state[$13] = $4 }
    $1 == "C" && $4 == "running" && $5 == "unhealthy" { state[$13] = $5 }
    END {
      for (i = 1; i <= n; i++) if (runs[order[i]] + 0 < wanted[order[i]]) text = text (text == "" ? "" : ", ") order[i] " is " (state[order[i]] == "" ? "missing" : state[order[i]])
      print text
    }')
  printf '%s' "release $previous ${idle:+$2; }${idle:-$1}"
}

put_back() {
  failed_service='' failed_check='' evidence='' serves=''
  # An engine that died may be on its way up again.
  clock
  put_back_until=$((ticks + health_timeout * 100))
  until look; do
    clock
    [ "$ticks" -lt "$put_back_until" ] || { reason="docker does not answer"; return 1; }
    nap
  done
  remember_finished "$release" || :
  if [ -z "$previous" ]; then
    [ "$take_over" != unmanaged ] || { reason="what ran before was not everfresh's"; return 1; }
    say "removing what was created"
    remove_containers && remove_made network
    return
  fi
  if [ "$previous" = "$release" ]; then
    reason="there is no other release than $release itself"
    [ "$(vitals "$present")" = "$(vitals "$before")" ] || {
      ! printf '%s\n' "$present" | cut -d '|' -f 3 | grep -qx running || serves="some of release $release still runs"
      return 1
    }
    serves=$(what_serves "stays as it was" "stays as it was")
    return
  fi
  say "putting back $previous"
  before=$present putting_back=1 told_changes='' check_failed=''
  know_images "$previous"
  check_compose "$previous"
  # An engine that has just come back may not have given free yet what it will (ports of containers it is about to end).
  until apply "$previous"; do
    clock
    [ "$ticks" -lt "$put_back_until" ] || { reason=$(compose_reason); return 1; }
    sleep 1
  done
  prove "$previous" || return 1
  serves=$(what_serves "serves again" "is back as it was")
  rm -f replaced
  # Its containers have other ids now; its token stays.
  who_deploys=$who from_deploys=$from stack_deploys=$stack host_deploys=$host deployment_now=$deployment
  host=$(field current/proved host) who=$(field current/proved who) from=$(field current/proved from) stack=$(field current/proved stack)
  deployment=$(field current/proved deployment)
  record_proof "$previous" "$(field current/proved token)" "$(lineage_of "$previous")"
  who=$who_deploys from=$from_deploys stack=$stack_deploys host=$host_deploys deployment=$deployment_now
}
