# The host's records: what was proved and by whom, and one line per deployment.

# Prints what runs, independent of container ids: one line per container, and per finished one-shot whose container is gone:
# `runs image id|configuration hash|running or exited|service`.
runs_now() {
  { printf '%s\n' "$observed" | mark container; printf '%s\n' "$finished" | mark finished; } | awk -F '|' "$tables"'
    END {
      for (i = 1; i <= container_count; i++) {
        id = containers[i]
        there[service[id]] = 1
        print "runs " image_id[id] "|" config_hash[id] "|" (state[id] == "exited" ? "exited" : "running") "|" service[id]
      }
      for (i = 1; i <= finished_count; i++) if (!there[finished_service[i]]) print "runs " finished_line[i]
    }' | sort
}

# Prints the result of the proof of release $1 at time $2, as one line of JSON.
result_of() {
  result_services=$(printf '%s\n' "$proof" | awk -F '|' "$tables"'
    function member(key, value) { return "\"" key "\":\"" value "\"" }
    END {
      for (i = 1; i <= good_count; i++) {
        if (seen[good_service[i]]++) continue
        printf "%s\"%s\":{%s,", separator, good_service[i], member("container", good_container[i])
        if (good_digest[i] != "") printf "%s,", member("digest", good_digest[i])
        printf "%s,%s}", member("startedAt", good_started_at[i]), member("health", good_health[i])
        separator = ","
      }
    }')
  printf '{"release":"%s","verifiedAt":"%s","services":{%s},"seconds":{%s}}\n' "$1" "$2" "$result_services" "$phases"
}

# Writes the proof of release $1 with token $2 and lineage $3 into its folder; `current` is not touched.
record_proof() {
  # This takes a while, so it comes before taking the time of the proof.
  proved_volumes=$(volume_lines "$1")
  proved_at=$(utc)
  result_of "$1" "$proved_at" | replace_file "releases/$1/result.json" || return 1
  {
    printf '%s\n' "deployment $deployment" "serial $(next_serial)" "at $proved_at" "token $2" "lineage $3" "who $who" \
      "from $from" "stack $stack" "host $host" "compose ${compose_version#v}"
    runs_now
    restart_counts
    printf '%s\n' "$proved_volumes" | sort -u
  } | replace_file "releases/$1/proved"
}

# One more than the highest serial number of a proof: clocks may be set back, numbers are not.
next_serial() {
  contents releases/*/proved | awk '
    $1 == "serial" && $2 ~ /^[0-9]+$/ && length($2) < 10 && $2 + 0 > max { max = $2 + 0 }
    END { print max + 1 }'
}

restart_counts() {
  printf '%s\n' "$observed" | mark container | awk -F '|' "$tables"'
    END { for (i = 1; i <= container_count; i++) print "restarts " containers[i] " " restarts[containers[i]] }'
}

switch_current() { # $1 release
  rm -f .current && ln -s "releases/$1" .current && mv -T .current current && flush .
}

# While this file exists, the containers may be in any state. It survives a kill, and says who was deploying.
mark_unfinished() {
  printf '%s\n' "deployment $deployment" "release $release" "since $(utc)" "who $who" "from $from" "stack $stack" \
    "lineage $lineage" "token $token" "facts $(deployment_facts)" | replace_file unfinished
}

# JSON members that say what is deployed and by whom: those from the request, and those stored with the release.
deployment_facts() { printf '%s,%s' "$request_facts" "$(json_members "$(contents "releases/$release/facts")")"; }

# JSON members from a file, which may be damaged.
json_members() { if [ -n "$1" ] && is_json "{$1}"; then printf '%s' "$1"; else printf '"tag":""'; fi; }

# Adds a line to the ledger. $1 deployment, $2 release, $3 when, $4 facts, $5 outcome, $6 more members
record_deployment() {
  if [ -s ledger.jsonl ] && [ -n "$(tail -c 1 ledger.jsonl)" ]; then
    ledger_start=$nl # after a line that a kill or a full disk cut off, start a new one
  else
    ledger_start=''
  fi
  ledger_line="{\"deployment\":\"$1\",\"release\":\"$2\",\"at\":\"$3\",$4,\"outcome\":\"$5\"$6}"
  if ! printf '%s%s\n' "$ledger_start" "$ledger_line" 2>/dev/null >>ledger.jsonl || ! flush ledger.jsonl; then
    say "ledger: $folder/ledger.jsonl cannot be written, this line is lost: $ledger_line; free some space"
  fi
}

# After a kill, records the outcome of the killed deployment.
record_cut_off_deployment() {
  [ -f unfinished ] || return 0
  dead=$(json_safe "$(field unfinished deployment)") dead_outcome="cut off"
  grep -qF "\"deployment\":\"$dead\"" ledger.jsonl 2>/dev/null && return
  [ "$(field current/proved deployment)" != "$dead" ] || dead_outcome=deployed
  record_deployment "$dead" "$(json_safe "$(field unfinished release)")" "$(json_safe "$(field unfinished since)")" \
    "$(json_members "$(field unfinished facts)")" "$dead_outcome" ''
}
