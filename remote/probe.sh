# probe: facts about the host, one per line, for core/host/probe.ts; takes no lock and waits for nothing.

probe() {
  engine_limit=10 # many hosts are asked at once, by somebody who waits
  echo "everfresh probe 1"
  find_folder && probe_current=$(current_release) || probe_current=''
  if [ -n "$probe_current" ]; then
    printf 'manifest %s\n' "$(cat "releases/$probe_current/manifest.json")"
    sed 's/^/proved /' "releases/$probe_current/proved"
    tampered "$probe_current" | sed 's/^/tampered /'
  else
    probe_bare
  fi
  [ "$PWD" = "$folder" ] || { probe_engine; echo end; return; }
  [ ! -f unfinished ] || sed 's/^/unfinished /' unfinished
  ! is_locked || { echo locked; sed 's/^/holder /' holder 2>/dev/null; }
  probe_engine
  echo end
}

# What tells this emptiness from an earlier one: the engine, when the folder above last changed, what went before.
probe_bare() {
  above=$folder
  until [ -d "$above" ]; do above=$(dirname "$above"); done
  printf 'bare %s\n' "$(engine info --format '{{.ID}}' 2>/dev/null) $(date -r "$above" +%s) $(tail -n 1 ledger.jsonl 2>/dev/null | cut -c 1-60)"
}

probe_engine() {
  probe_ids=$(container_ids 2>&1) || {
    printf 'engine-error %s\n' "$(printf '%s' "$probe_ids" | tail -n 1)"
    return
  }
  [ -n "$probe_ids" ] || return 0
  # shellcheck disable=SC2086 # one word per id
  probe_containers=$(engine inspect --type container --format 'container {"id":{{json .Id}},"service":{{json (index .Config.Labels "com.docker.compose.service")}},"imageId":{{json .Image}},"state":{{json .State.Status}},"health":{{with index .State "Health"}}{{json .Status}}{{else}}null{{end}},"exitCode":{{.State.ExitCode}},"startedAt":{{json .State.StartedAt}},"restarts":{{.RestartCount}},"configHash":{{json (index .Config.Labels "com.docker.compose.config-hash")}}}' \
    $probe_ids 2>/dev/null) || : # one that went away meanwhile
  printf '%s\n' "$probe_containers"
  # shellcheck disable=SC2046 # one word per image
  engine image inspect --format 'image {"id":{{json .Id}},"digests":{{json (index . "RepoDigests")}}}' \
    $(printf '%s\n' "$probe_containers" | sed -n 's/.*"imageId":"\([^"]*\)".*/\1/p' | sort -u) 2>/dev/null || :
}
