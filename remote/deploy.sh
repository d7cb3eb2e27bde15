# deploy: check, stage, pull, apply, prove, commit; or put back what ran before (failure.sh).

deploy() {
  phase lock
  begin_deployment
  check_lineage
  phase check
  preflight
  phase pull
  pull_images "$release" || fail
  check_architecture
  [ -z "$problems" ] || fail_preflight
  stop_if_told
  if already_runs; then
    say "$release is already running; nothing was touched"
    outcome=unchanged
    phase prove
  else
    phase apply
    start_new_release
    phase prove
    prove_new_release
    outcome=deployed
  fi
  phase commit
  commit_release
  run_last_commands
  cat "releases/$release/result.json"
  prune
}

# Takes the lock, finds out what a killed deployment left behind, and observes what runs.
begin_deployment() {
  take_lock
  deployment=$(date -u +%Y%m%dT%H%M%SZ)-$$
  begun_at=$(utc)
  ask_compose
  record_cut_off_deployment
  previous=$(current_release)
  observe || : # the preflight says why
  observed_at_start=$observed observed_before=$observed
}

# Refuses to replace another stack's release, or a container that is not ours, unless told to.
check_lineage() {
  ! owner=$(deployed_by_another_stack) || [ "$take_over" = "$previous" ] ||
    refuse 2 "$project: $owner; deploy from that stack, or set takeOver to $previous"
  [ -z "$unmanaged" ] || [ "$take_over" = unmanaged ] ||
    refuse 2 "$project: containers of this project run here ($(names_of "$unmanaged")) that everfresh did not deploy; remove them, choose another projectName, or set takeOver to unmanaged"
}

# Whether this same release is running, proved and unchanged: then no container may be touched.
already_runs() {
  finished=$(finished_one_shots "$release")
  [ "$previous" = "$release" ] && [ ! -f unfinished ] && [ ! -f replaced ] &&
    [ "$(runs_now)" = "$(grep '^runs ' current/proved)" ] &&
    has_loaded "$release" && proof=$(verdicts "$release") && ! printf '%s\n' "$proof" | grep -q '^wait|\|^fail|' && run_checks "$release"
}

# Runs what should fail before anything has been changed: commands that run before the release, and checks of new files. Those that
# need a service that is not running yet wait until it has been started (see `start_wave`); at a first deployment, all of them do.
check_before_changes() { # $1 release
  [ -n "$previous" ] || return 0
  check_for=$(with_needs_met "$1")
  check_new_files "$1" "$check_for" && run_commands "$1" before "$check_for" in_old
}

start_new_release() {
  own_files ||
    fail_because files "configs and secrets: their owner and mode cannot be set on this host; remove uid, gid and mode from them"
  check_before_changes "$release" || fail_to_apply
  make_host_files && mark_unfinished || fail_because disk "$folder: cannot be written; free some space"
  apply "$release" || fail_to_apply
}

prove_new_release() {
  prove "$release" || fail
  # Until now, containers of services that the release no longer has were only stopped.
  remove_orphans "$release" || fail_because engine "docker does not answer"
  record_one_shots "$release" || fail_because disk "$folder: cannot be written; free some space"
}

# Makes the release current.
commit_release() {
  rm -f .run/reserve
  record_proof "$release" "$token" "$lineage" && switch_current "$release" ||
    fail_because disk "$folder: the proof cannot be written; free some space"
  record_deployment "$deployment" "$release" "$begun_at" "$(deployment_facts)" "$outcome" \
    ",\"seconds\":{$phases},\"pulled\":$pulled"
  rm -f unfinished replaced
}

# The release has been proved: a command that fails now is no reason to take it away.
run_last_commands() {
  run_commands "$release" after "$(all_services "$release")" && return
  explain_failure "$apply_fault"
  say_reason
  say "release $release has been proved and stays; \`pulumi up\` runs the command again"
  exit 1
}

# Ends a deployment that was told to stop.
stop_if_told() {
  [ -z "$interrupted" ] || fail_because interrupted "the deployment was told to stop"
}
