# probe: prints facts about the host, one per line, for core/host/probe.ts; takes no lock and waits for nothing.

probe() {
  engine_limit=10 # many hosts are asked at once, and somebody waits
  echo "everfresh probe 1"
  if find_folder; then probe_current=$(current_release); else probe_current=''; fi
  printf 'folder %s\n' "$folder"
  if [ -n "$probe_current" ]; then
    probe_release=releases/$probe_current
    printf 'release %s\n' "$probe_current"
    probe_manifest "$probe_release/manifest.json"
    lines_of proved "$probe_release/proved"
    [ -n "$(field "$probe_release/proved" lineage)" ] || printf 'proved lineage %s\n' "$(lineage_of "$probe_current")"
    { tampered "$probe_current"; misplaced "$probe_current"; } | sort -u | sed 's/^/tampered /'
  fi
  [ -n "$probe_current" ] && [ -n "$(field "$probe_release/proved" token)" ] || probe_nothing_deployed
  [ "$PWD" = "$folder" ] || { probe_engine; echo end; return; }
  [ ! -f unfinished ] || { echo unfinished; lines_of unfinished unfinished; }
  ! is_locked || { echo locked; lines_of holder holder; }
  probe_engine
  echo end
}

# Prints the manifest in one line even if it is damaged: to JSON, all white space is the same.
probe_manifest() {
  [ -f "$1" ] || return 0
  printf 'manifest '
  head -c 4194304 "$1" | tr '\000-\037' ' '
  echo
}

# Prints the lines of file $2, each prefixed with the word $1 and ended by a newline.
lines_of() { [ ! -f "$2" ] || head -c 4194304 "$2" | tr -d '\000' | awk -v word="$1" '{ print word " " $0 }'; }

# Where nothing is deployed, prints what distinguishes this state from earlier ones, so that each gets its own deployment: the
# engine, when the folder above last changed, and the last line of the ledger.
probe_nothing_deployed() {
  above=$folder
  until [ -d "$above" ]; do above=$(dirname "$above"); done
  probe_last=$([ ! -f ledger.jsonl ] || tail -n 1 ledger.jsonl | cut -c 1-60)
  printf 'bare %s\n' "$(engine info --format '{{urlquery .ID}}') $(date -r "$above" +%s) $probe_last"
}

# The members of a container in the probe's answer, in the order in which they are printed.
probe_template=''
probe_member() { probe_template="$probe_template${probe_template:+,}\"$1\":$2"; }
probe_label() { probe_member "$1" "{{json (index .Config.Labels \"com.docker.compose.$2\")}}"; }

probe_member imageId '{{json .Image}}' # first: see below
probe_member id '{{json .Id}}'
probe_member name '{{json .Name}}'
probe_label service service
probe_label folder project.working_dir
probe_member state '{{json .State.Status}}'
probe_member health '{{with index .State "Health"}}{{json .Status}}{{else}}null{{end}}'
probe_member exitCode '{{.State.ExitCode}}'
probe_member startedAt '{{json .State.StartedAt}}'
probe_member restarts '{{.RestartCount}}'
probe_label configHash config-hash
probe_member mounts '{{json .Mounts}}'

probe_engine() {
  probe_ids=$(container_ids 2>&1) || {
    printf 'engine-error %s\n' "$(printf '%s' "$probe_ids" | tail -n 1 | cut -c 1-1000)"
    return
  }
  [ -n "$probe_ids" ] || return 0
  # shellcheck disable=SC2086 # one word per id
  probe_containers=$(engine inspect --type container --format "container {$probe_template}" $probe_ids) || : # one went away
  printf '%s\n' "$probe_containers"
  # shellcheck disable=SC2046 # one word per image
  engine image inspect --format 'image {"id":{{json .Id}},"digests":{{json (index . "RepoDigests")}}}' \
    $(printf '%s\n' "$probe_containers" | sed -n 's/^container {"imageId":"\([^"]*\)".*/\1/p' | sort -u) || :
}
