# The proof: the running containers are the release, and they work.

# Judges each service of release $1 as it is now, one line per verdict:
#   good|service|container|digest|started at|health, and |untouched if it is good because this deployment did not touch it
#   wait|service|what is not right yet|container
#   fail|service|what will never be right without help|container
# With container $2, judges it alone.
verdicts() {
  situation "$1" | awk -F '|' -v store="$folder_fact/store/" -v only="${2-}" "$tables"'
    function is_down(id) { return state[id] ~ /^(exited|created|dead)$/ }
    # Whether a container has the image of its service: by digest, or by id if the image was not built.
    function has_right_image(id, name) {
      if (digest[name] == "") return image_id[id] == image_id_of[image[name]]
      return index(known_names[image_id[id]], "@" digest[name] " ") || image_id[id] == digest[name]
    }
    # Whether a container mounts a file of the store that its service does not use, or no longer uses.
    function mounts_old_file(id, name,   n, list, fingerprint) {
      for (n = split(mounts[id], list, " "); n > 0; n--) {
        if (index(list[n], store) != 1) continue
        fingerprint = substr(list[n], length(store) + 1)
        sub(/^\.owned\//, "", fingerprint)
        if (!index(files[name], substr(fingerprint, 1, 64))) return 1
      }
      return 0
    }
    # Whether the failed deployment left a container untouched: then it need not be healthier than before.
    function is_untouched(id) {
      if (!(id in at_start_state)) return 0
      if (started_at[id] != at_start_started_at[id] && at_start_state[id] != "restarting") return 0
      return state[id] == at_start_state[id] || state[id] == "running"
    }
    function good(id, name, condition) {
      return "good|" name "|" id "|" digest[name] "|" started_at[id] "|" condition
    }
    # The verdict on a container of a service.
    function verdict(id, name,   condition, is_new) {
      condition = health[id] == "" || health[id] == "none" ? state[id] : health[id]
      is_new = before_started_at[id] != started_at[id]
      if (!(image_id[id] in known_names)) return "wait|" name "|runs an image that docker no longer has|" id
      if (!has_right_image(id, name)) return "fail|" name "|runs another image than " image[name] "|" id
      if (mounts_old_file(id, name)) return "fail|" name "|still uses a file from an older release|" id
      if (is_untouched(id)) return good(id, name, condition) "|untouched"
      if (state[id] == "exited") {
        # A one-shot that has done its work. A service with a healthcheck is not a one-shot.
        if (exit_status[id] == 0 && condition == "exited" && lifetime[name] != "lasts") return good(id, name, "exited")
        return "fail|" name "|exited with status " exit_status[id] (exit_status[id] == 0 ? ", but must keep running" : "") "|" id
      }
      if (state[id] == "restarting" && restarts[id] >= 8)
        return "fail|" name "|keeps restarting (exit status " exit_status[id] ")|" id
      if (state[id] == "running" && lifetime[name] == "ends") return "wait|" name "|is still running|" id
      if (state[id] != "running") return "wait|" name "|is " state[id] "|" id
      if (condition == "unhealthy" && is_new) return "fail|" name "|is unhealthy|" id
      if (condition != "healthy" && condition != "running") return "wait|" name "|is " condition "|" id
      return good(id, name, condition)
    }
    END {
      if (only != "") { if (only in service) print verdict(only, service[only]); exit }
      for (i = 1; i <= container_count; i++) {
        id = containers[i]
        count[service[id]]++
        if (!is_down(id)) lives[service[id]] = 1
      }
      for (name in lives) if (!(name in image)) print "wait|" name "|is not part of the release"
      for (s = 1; s <= service_count; s++) {
        name = services[s]
        if (finished[name] && !(name in count)) print "good|" name "||" digest[name] "||exited"
        else if (count[name] < replicas[name]) print "wait|" name "|is missing"
        else if (count[name] > replicas[name])
          print "wait|" name "|has " count[name] " containers instead of " replicas[name]
        else for (i = 1; i <= container_count; i++) if (service[containers[i]] == name) print verdict(containers[i], name)
      }
    }'
}

# What must not change while a release settles: which containers run, since when, and how often they were restarted.
vitals() { # $1 containers
  printf '%s\n' "$1" | mark container | awk -F '|' "$tables"'
    END { for (id in state) print id "|" state[id] "|" restarts[id] "|" started_at[id] }' | sort
}

# The services without a healthcheck that this deployment started: only time can show that they stay up.
unchecked_services() {
  observations | awk -F '|' "$tables"'
    END {
      for (i = 1; i <= container_count; i++) {
        id = containers[i]
        if (state[id] != "running" || (health[id] != "" && health[id] != "none")) continue
        if (before_started_at[id] != started_at[id] && !seen[service[id]]++) text = text (text == "" ? "" : ", ") service[id]
      }
      print text
    }'
}

# Waits until every service of release $1 is good and the release's checks pass; services without a healthcheck must stay good for
# `settle` seconds. Fails with `failed_service`, `failed_check`, `reason` and `evidence`. Sets `proof`, the verdicts.
prove() { # $1 release
  clock
  prove_until=$((ticks + health_timeout * 100)) settled='' announced_health='' announced_settling=''
  while :; do
    if judge "$1"; then
      announce_health
      case $nl$proof in
      *"${nl}fail|"*)
        explain_failure "$(first_verdict fail)"
        return 1
        ;;
      *"${nl}wait|"*) settled='' ;;
      *) ! has_settled "$1" || return 0 ;;
      esac
    else
      proof='wait||docker does not answer'
    fi
    [ -z "$interrupted" ] || {
      failed_check=interrupted reason="the deployment was told to stop"
      return 1
    }
    ! is_too_late || { explain_timeout; return 1; }
    nap
  done
}

# Sets `proof`, the verdicts on release $1; fails if the engine does not answer. Right after `apply`, need not observe again.
judge() { { [ -n "$observed_just_now" ] || observe; } && observed_just_now='' && proof=$(verdicts "$1"); }

first_verdict() { printf '%s\n' "$proof" | grep "^$1|" | head -n 1; }

# Whether the services, all good, pass the checks of release $1 and have settled. `settled` is what ran when the checks passed.
has_settled() {
  if [ "$settled" != "$(vitals "$observed")" ] && run_checks "$1"; then
    settled=$(vitals "$observed") settling=$(unchecked_services)
    [ "$settle" = 0 ] || [ -z "$settling" ] || [ "$settling" = "$announced_settling" ] ||
      say "$settling: no healthcheck, watched for $settle s"
    announced_settling=$settling
    clock
    settle_from=$ticks
  fi
  clock
  [ -n "$settled" ] || return 1
  # Nothing to watch, and the checks have just passed.
  [ "$settle" != 0 ] && [ -n "$settling" ] || return 0
  [ $((ticks - settle_from)) -ge $((settle * 100)) ] || return 1
  run_checks "$1" && return
  settled=''
  return 1
}

# Whether the time for the proof is over. Once everything is good, it may settle, however late that began.
is_too_late() {
  clock
  prove_limit=$prove_until
  [ -z "$settled" ] || prove_limit=$((prove_until + settle * 100))
  [ "$ticks" -ge "$prove_limit" ]
}

explain_timeout() {
  if [ -n "$broken_check" ]; then
    explain_failure "fail|$broken_check"
  else
    timeout_verdict=$(first_verdict wait)
    [ -n "$timeout_verdict" ] || timeout_verdict=$(most_restarted)
    explain_failure "$timeout_verdict"
    reason="$reason after $health_timeout s"
  fi
}

# The verdict on the container that was restarted most often during this deployment.
most_restarted() {
  observations | awk -F '|' "$tables"'
    END {
      for (i = 1; i <= container_count; i++) {
        id = containers[i]
        if (restarts[id] - before_restarts[id] >= most) { most = restarts[id] - before_restarts[id]; worst = id }
      }
      print "fail|" service[worst] "|does not stay up (restarted " most + 0 " times)|" worst
    }'
}

# Says each service's health when it changes.
announce_health() {
  health_now=$(printf '%s\n' "$proof" | awk -F '|' "$tables"'
    END {
      for (i = 1; i <= good_count; i++) print good_service[i] " " good_health[i]
      for (i = 1; i <= flaw_count; i++)
        if (flaw_verdict[i] == "wait" && flaw[i] ~ /^is (starting|unhealthy|restarting)$/) print flaw_service[i] " " substr(flaw[i], 4)
    }' | sort -u)
  [ "$health_now" = "$announced_health" ] ||
    say "$(printf '%s\n' "$announced_health" "$announced_health" "$health_now" | grep -v '^$' | sort | uniq -u)"
  announced_health=$health_now
}
