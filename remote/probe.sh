# probe: facts about the host, one per line, for core/host/probe.ts; takes no lock and waits for nothing.

probe() {
  engine_limit=10 # many hosts are asked at once, by somebody who waits
  echo "everfresh probe 1"
  if find_folder; then probe_current=$(current_release); else probe_current=''; fi
  printf 'folder %s\n' "$folder"
  if [ -n "$probe_current" ]; then
    probe_release=releases/$probe_current
    printf 'release %s\n' "$probe_current"
    # In one line, whatever became of it: for JSON all blanks are the same.
    [ ! -f "$probe_release/manifest.json" ] || { printf 'manifest '; head -c 4194304 "$probe_release/manifest.json" | tr '\000-\037' ' '; echo; }
    lines_of proved "$probe_release/proved"
    [ -n "$(field "$probe_release/proved" lineage)" ] || printf 'proved lineage %s\n' "$(lineage_of "$probe_current")"
    tampered "$probe_current" | sed 's/^/tampered /'
  fi
  [ -n "$probe_current" ] && [ -n "$(field "$probe_release/proved" token)" ] || probe_bare
  [ "$PWD" = "$folder" ] || { probe_engine; echo end; return; }
  [ ! -f unfinished ] || { echo unfinished; lines_of unfinished unfinished; }
  ! is_locked || { echo locked; lines_of holder holder; }
  probe_engine
  echo end
}

# The lines of file $2, each with the word $1 before it and an end of its own.
lines_of() { [ ! -f "$2" ] || head -c 4194304 "$2" | tr -d '\000' | awk -v word="$1" '{ print word " " $0 }'; }

# What tells this emptiness from an earlier one: the engine, when the folder above last changed, what went before.
probe_bare() {
  above=$folder
  until [ -d "$above" ]; do above=$(dirname "$above"); done
  probe_last=$([ ! -f ledger.jsonl ] || tail -n 1 ledger.jsonl | cut -c 1-60)
  printf 'bare %s\n' "$(engine info --format '{{urlquery .ID}}') $(date -r "$above" +%s) $probe_last"
}

probe_engine() {
  probe_ids=$(container_ids 2>&1) || {
    printf 'engine-error %s\n' "$(printf '%s' "$probe_ids" | tail -n 1 | cut -c 1-1000)"
    return
  }
  [ -n "$probe_ids" ] || return 0
  # shellcheck disable=SC2086 # one word per id
  probe_containers=$(engine inspect --type container --format 'container {"imageId":{{json .Image}},"id":{{json .Id}},"name":{{json .Name}},"service":{{json (index .Config.Labels "com.docker.compose.service")}},"folder":{{json (index .Config.Labels "com.docker.compose.project.working_dir")}},"state":{{json .State.Status}},"health":{{with index .State "Health"}}{{json .Status}}{{else}}null{{end}},"exitCode":{{.State.ExitCode}},"startedAt":{{json .State.StartedAt}},"restarts":{{.RestartCount}},"configHash":{{json (index .Config.Labels "com.docker.compose.config-hash")}}}' \
    $probe_ids) || : # one that went away meanwhile
  printf '%s\n' "$probe_containers"
  # shellcheck disable=SC2046 # one word per image
  engine image inspect --format 'image {"id":{{json .Id}},"digests":{{json (index . "RepoDigests")}}}' \
    $(printf '%s\n' "$probe_containers" | sed -n 's/^container {"imageId":"\([^"]*\)".*/\1/p' | sort -u) || :
}
