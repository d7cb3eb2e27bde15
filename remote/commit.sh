# What the host remembers: what was proved, by whom, and every deployment in one line.

# What ran, in a form that does not depend on which container it is; a one-shot that has finished may have none any more.
running() {
  { printf '%s\n' "$present" | sed 's/^/C|/'; printf '%s\n' "$finished" | sed 's/^/F|/'; } | awk -F '|' '
    $2 == "" { next }
    $1 == "C" { there[$13] = 1; print "runs " $3 "|" $9 "|" ($4 == "exited" ? "exited" : "running") "|" $13 }
    $1 == "F" && !there[$5] { print "runs " substr($0, 3) }' | sort
}

# The result of the proof of release $1 at $2: one line of JSON.
result_of() {
  result_services=$(printf '%s\n' "$proof" | awk -F '|' '
    $1 == "good" && !seen[$2]++ {
      printf "%s\"%s\":{\"container\":\"%s\",%s\"startedAt\":\"%s\",\"health\":\"%s\"}", sep, $2, $3, ($4 == "" ? "" : "\"digest\":\"" $4 "\","), $5, $6
      sep = ","
    }')
  printf '{"release":"%s","verifiedAt":"%s","services":{%s},"seconds":{%s}}\n' "$1" "$2" "$result_services" "$phases"
}

# Writes the proof of release $1 with token $2 into its folder; `current` is not touched.
record_proof() {
  # Asked before it is said that it is proved: it takes its time.
  proved_volumes=$(volume_lines "$1")
  proved_at=$(utc)
  result_of "$1" "$proved_at" | put "releases/$1/result.json" || return 1
  record_serial=$(contents releases/*/proved | awk '$1 == "serial" && $2 ~ /^[0-9]+$/ && length($2) < 10 && $2 + 0 > max { max = $2 + 0 } END { print max + 1 }')
  {
    printf '%s\n' "deployment $deployment" "serial $record_serial" "at $proved_at" "token $2" "lineage $3" "who $who" \
      "from $from" "stack $stack" "host $host"
    running
    printf '%s\n' "$present" | awk -F '|' '$1 != "" { print "restarts " $1 " " $6 }'
    printf '%s\n' "$proved_volumes" | sort -u
  } | put "releases/$1/proved"
}

switch_current() { # $1 release
  rm -f .current && ln -s "releases/$1" .current && mv -T .current current && flush .
}

# While this is there, the containers may be anything. It survives a kill, and names who was at work.
mark_unfinished() {
  printf '%s\n' "deployment $deployment" "release $release" "since $(utc)" "who $who" "from $from" "stack $stack" \
    "lineage $lineage" "token $token" "facts $(facts)" | put unfinished
}

# The JSON members that say what was deployed and by whom; the program rendered them, the release keeps its part.
facts() { printf '%s,%s' "$request_facts" "$(members "$(contents "releases/$release/facts")")"; }

# JSON members that were read from a file, which may be damaged.
members() { if [ -n "$1" ] && is_json "{$1}"; then printf '%s' "$1"; else printf '"tag":""'; fi; }

# One line in the ledger. $1 deployment, $2 release, $3 when, $4 facts, $5 outcome, $6 more members
remember() {
  if [ -s ledger.jsonl ] && [ -n "$(tail -c 1 ledger.jsonl)" ]; then
    remember_start=$nl # a line cut off by a kill or a full disk keeps to itself
  else
    remember_start=''
  fi
  remember_line="{\"deployment\":\"$1\",\"release\":\"$2\",\"at\":\"$3\",$4,\"outcome\":\"$5\"$6}"
  if ! printf '%s%s\n' "$remember_start" "$remember_line" 2>/dev/null >>ledger.jsonl || ! flush ledger.jsonl; then
    say "ledger: $folder/ledger.jsonl cannot be written, this line is lost: $remember_line; free some space"
  fi
}

# After a kill: what the dead deployment was, in the ledger.
remember_unfinished() {
  [ -f unfinished ] || return 0
  dead=$(plain "$(field unfinished deployment)") dead_outcome="cut off"
  grep -qF "\"deployment\":\"$dead\"" ledger.jsonl 2>/dev/null && return
  [ "$(field current/proved deployment)" != "$dead" ] || dead_outcome=deployed
  remember "$dead" "$(plain "$(field unfinished release)")" "$(plain "$(field unfinished since)")" "$(members "$(field unfinished facts)")" "$dead_outcome" ''
}
