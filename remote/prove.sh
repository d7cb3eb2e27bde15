# The proof: what runs is the release, and it works.

# Judges each service of release $1 as it is at present, one line per finding:
#   good|service|container|digest|started|health, and |untouched if it is good for that
#   wait|service|what is not yet so
#   fail|service|what will not mend itself|container
verdicts() {
  situation "$1" | awk -F '|' -v store="$folder_fact/store/" '
    $1 == "S" { order[++n] = $2; image[$2] = $3; digest[$2] = $4; replicas[$2] = $5; files[$2] = $7; course[$2] = $9 }
    $1 == "I" { names[$2] = names[$2] " " $3 " "; k = split($3, name, " "); for (i = 1; i <= k; i++) id[name[i]] = $2 }
    $1 == "F" { finished[$5] = 1 }
    $1 == "B" { had[$2] = $8 }
    $1 == "U" && $2 != "" { was[$2] = $4; since[$2] = $8 }
    $1 == "C" && $2 != "" { count[$13]++; list[$13] = list[$13] " " NR; line[NR] = $0; if ($4 !~ /^(exited|created|dead)$/) lives[$13] = 1 }
    # A file of the store that the container mounts although its service does not use it (any more).
    function outdated(mounts, wanted,   k, m, at, fp) {
      k = split(mounts, m, " ")
      for (; k > 0; k--) if ((at = index(m[k], store)) == 1) { fp = substr(m[k], length(store) + 1); sub(/^\.owned\//, "", fp); if (!index(wanted, substr(fp, 1, 64))) return 1 }
      return 0
    }
    # What a deployment did not touch it need not heal when it is put back.
    function untouched(c) {
      return c[2] in was && (c[8] == since[c[2]] || was[c[2]] == "restarting") && (c[4] == was[c[2]] || c[4] == "running")
    }
    END {
      for (name_ in lives) if (!(name_ in image)) print "wait|" name_ "|is not part of the release"
      for (s = 1; s <= n; s++) {
        name_ = order[s]
        if (finished[name_] && !(name_ in count)) { print "good|" name_ "||" digest[name_] "||exited"; continue }
        if (count[name_] < replicas[name_]) { print "wait|" name_ "|is missing"; continue }
        if (count[name_] > replicas[name_]) { print "wait|" name_ "|has " count[name_] " containers instead of " replicas[name_]; continue }
        k = split(list[name_], rows, " ")
        for (r = 1; r <= k; r++) {
          split(line[rows[r]], c, "|")
          fresh = had[c[2]] != c[8]
          known = c[3] in names # asked first: looking an element up makes it
          right = digest[name_] != "" ? index(names[c[3]], "@" digest[name_] " ") || c[3] == digest[name_] : c[3] == id[image[name_]]
          health = c[5] == "" || c[5] == "none" ? c[4] : c[5]
          if (!known) print "wait|" name_ "|runs an image that docker does not know any more|" c[2]
          else if (!right) print "fail|" name_ "|runs another image than " image[name_] "|" c[2]
          else if (outdated(c[12], files[name_])) print "fail|" name_ "|still uses a file of an older release|" c[2]
          else if (untouched(c)) print "good|" name_ "|" c[2] "|" digest[name_] "|" c[8] "|" health "|untouched"
          else if (c[4] == "exited" && c[6] == 0 && health == c[4] && course[name_] != "lasts") print "good|" name_ "|" c[2] "|" digest[name_] "|" c[8] "|exited"
          else if (c[4] == "exited") print "fail|" name_ "|exited with status " c[6] (c[6] == 0 ? ", and is to keep running" : "") "|" c[2]
          else if (c[4] == "restarting" && c[7] >= 8) print "fail|" name_ "|keeps restarting (exit status " c[6] ")|" c[2]
          else if (c[4] == "running" && course[name_] == "ends") print "wait|" name_ "|is still running|" c[2]
          else if (c[4] != "running") print "wait|" name_ "|is " c[4] "|" c[2]
          else if (health == "unhealthy" && fresh) print "fail|" name_ "|is unhealthy|" c[2]
          else if (health != "healthy" && health != "running") print "wait|" name_ "|is " health "|" c[2]
          else print "good|" name_ "|" c[2] "|" digest[name_] "|" c[8] "|" health
        }
      }
    }'
}

# What must not change while the proof settles: who runs since when, and how often it was restarted.
vitals() { printf '%s\n' "$1" | cut -d '|' -f 1,3,6,7 | sort; }

# The services that this deployment started and that have no healthcheck: nothing but time tells that they stay up.
settling() {
  { printf '%s\n' "$before" | sed 's/^/B|/'; printf '%s\n' "$present" | sed 's/^/C|/'; } | awk -F '|' '
    $1 == "B" { had[$2] = $8 }
    $1 == "C" && $4 == "running" && ($5 == "" || $5 == "none") && had[$2] != $8 && !told[$13]++ { text = text (text == "" ? "" : ", ") $13 }
    END { print text }'
}

# Waits until every service of release $1 is as it should be; those without a healthcheck must stay so for `settle` seconds.
# Else fails with `failed_service`, `failed_check`, `reason` and `evidence` (its last log lines). Sets `proof`, the verdicts.
prove() {
  clock
  prove_until=$((ticks + health_timeout * 100)) settled='' told='' settling_told=''
  while :; do
    # apply has looked just now.
    if { [ -n "$looked" ] || look; } && looked='' && proof=$(verdicts "$1"); then
      tell_health
      case $nl$proof in
      *"${nl}fail|"*)
        blame "$(printf '%s\n' "$proof" | grep '^fail|' | head -n 1)"
        return 1
        ;;
      *"${nl}wait|"*) settled='' ;;
      *)
        if [ "$settled" != "$(vitals "$present")" ]; then
          if run_checks "$1"; then
            settled=$(vitals "$present") settling=$(settling)
            [ "$settle" = 0 ] || [ -z "$settling" ] || [ "$settling" = "$settling_told" ] || say "$settling: no healthcheck, watched for $settle s"
            settling_told=$settling
            clock
            settle_from=$ticks
          fi
        fi
        clock
        if [ -n "$settled" ]; then
          # The checks were run just now.
          [ "$settle" != 0 ] && [ -n "$settling" ] || return 0
          if [ $((ticks - settle_from)) -ge $((settle * 100)) ]; then
            run_checks "$1" && return
            settled=''
          fi
        fi
        ;;
      esac
    else
      proof='wait||the engine does not answer'
    fi
    [ -z "$interrupted" ] || {
      failed_check=interrupted reason="the deployment was told to stop"
      return 1
    }
    clock
    # Settling takes its time whenever it began.
    prove_limit=$prove_until
    [ -z "$settled" ] || prove_limit=$((prove_until + settle * 100))
    if [ "$ticks" -ge "$prove_limit" ]; then
      if [ -n "$check_failed" ]; then
        blame "fail|$check_failed"
      else
        prove_fault=$(printf '%s\n' "$proof" | grep '^wait|' | head -n 1)
        [ -n "$prove_fault" ] || prove_fault=$(restless)
        blame "$prove_fault"
        reason="$reason after $health_timeout s"
      fi
      return 1
    fi
    nap
  done
}

# The verdict on the container that was restarted most often during this deployment.
restless() {
  { printf '%s\n' "$before" | sed 's/^/B|/'; printf '%s\n' "$present" | sed 's/^/C|/'; } | awk -F '|' '
    $1 == "B" { had[$2] = $7 }
    $1 == "C" && $2 != "" && $7 - had[$2] >= most { most = $7 - had[$2]; service = $13; id = $2 }
    END { print "fail|" service "|does not stay up (restarted " most + 0 " times)|" id }'
}

# $1: a verdict that is not good.
blame() {
  blame_rest=${1#*|}
  failed_service=${blame_rest%%|*}
  blame_rest=${blame_rest#*|}
  failed_check=${blame_rest%%|*}
  blame_container=${blame_rest#*|}
  reason="$failed_service: $failed_check"
  case $blame_container in
  *[!0-9a-f]* | '') evidence='' ;;
  *)
    evidence=$(engine logs --tail 10 "$blame_container" 2>&1 | tail -c 16384 | tail -n 10)
    blame_probe=$(engine inspect --format '{{with index .State "Health"}}{{range .Log}}{{.Output}}{{"\n"}}{{end}}{{end}}' "$blame_container" 2>/dev/null | grep -v '^ *$' | tail -n 1 | cut -c 1-300)
    [ -z "$blame_probe" ] || evidence="$evidence${evidence:+$nl}healthcheck: $blame_probe"
    ;;
  esac
}

# Each service's news once.
tell_health() {
  tell_now=$(printf '%s\n' "$proof" | awk -F '|' '$1 == "good" { print $2 " " $6 } $1 == "wait" && $3 ~ /^is (starting|unhealthy|restarting)$/ { print $2 " " substr($3, 4) }' | sort -u)
  [ "$tell_now" = "$told" ] || say "$(printf '%s\n' "$told" "$told" "$tell_now" | grep -v '^$' | sort | uniq -u)"
  told=$tell_now
}
