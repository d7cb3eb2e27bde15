# Decides what to do to containers, and when. Touches none.

# Prints what has to change for release $1, one per line:
#   start|service             dependencies first: it has too few or too many containers, or one with another configuration or
#                             image (compose's own rule), one that compose would wrongly keep, or one that is not running
#   replace|service|container compose would wrongly keep it: left half-made by a killed compose, created from another image
#                             behind its labels, using a file that was changed by hand, not made by compose at all
#   leftover|service|container it is left over from another run of a finished one-shot
#   outdated|service|container why its service has to start
changes_to() { # $1 release
  {
    proved_runs "$previous" | mark proved
    [ ! -f replaced ] || grep -x '[0-9a-f]\{64\}' replaced | mark changed_by_hand
    situation "$1"
  } | awk -F '|' "$tables"'
    $1 == "changed_by_hand" { changed_files[$2] = 1 }
    # Whether the containers of a service have seen a file that was changed by hand.
    function saw_changed_file(name,   file) {
      for (file in changed_files) if (index(files[name], file)) return 1
      return 0
    }
    END {
      for (i = 1; i <= container_count; i++) {
        id = containers[i]; name = service[id]
        if (!(name in image) || id in off_limits) continue
        count[name]++
        right_image = image_id_of[image[name]]
        is_half_made = config_hash[id] == "" || state[id] == "created" || state[id] == "dead" || state[id] == "removing"
        is_mislabelled = right_image != "" && image_id[id] != right_image && labelled_image[id] == right_image
        must_go = is_half_made || is_mislabelled || saw_changed_file(name)
        differs = config_hash[id] != release_hash[name] || labelled_image[id] != right_image
        if (finished[name]) {
          is_of_proof = (name "|" config_hash[id]) in was_proved
          if (must_go || image_id[id] != right_image || (differs && !is_of_proof)) print "leftover|" name "|" id
        } else if (must_go) print "replace|" name "|" id
        # When a release is put back, containers that did not run before need not run.
        is_down = state[id] != "running" && state[id] != "restarting" && at_start_state[id] != state[id]
        if (must_go || differs || is_down) { to_start[name] = 1; print "outdated|" name "|" id }
      }
      for (i = 1; i <= service_count; i++) {
        name = services[i]
        if (!finished[name] && (to_start[name] || count[name] + 0 != replicas[name])) print "start|" name
      }
    }'
}

# Prints what can be done now for release $1, one per line: `go|start|service` for each whose dependencies are all in the state it
# waits for, `go|restart|service` for those that restart with one of them. If nothing can be done, prints the verdict that ends the
# deployment, `fail|service|problem|container`, or what to wait for, `wait|service|problem|container|service that waits|for what`.
# A release that is put back waits for nothing: it ran before.
next_wave() { # $1 release
  {
    services "$1" | mark service
    printf '%s\n' "$pending" | mark pending
    printf '%s\n' "$restarting" | mark restarting
    printf '%s\n' "$applied" | mark applied
    verdicts "$1"
  } | awk -F '|' -v waits_for_nothing="${putting_back:+1}" "$tables"'
    function first_flaws(   i, name) {
      for (i = 1; i <= good_count; i++) good_as[good_service[i]] = good_health[i]
      for (i = 1; i <= flaw_count; i++) {
        name = flaw_service[i]
        if (flaw_verdict[i] == "fail" && !(name in failing)) failing[name] = name "|" flaw[i] "|" flaw_container[i]
        if (flaw_verdict[i] == "wait" && !(name in waiting)) waiting[name] = name "|" flaw[i] "|" flaw_container[i]
        if (flaw_verdict[i] == "wait" && flaw[i] ~ /^is (starting|unhealthy|still running)$/) has_started[name] = 1
      }
    }
    function needed(need) { return substr(need, 1, index(need, "=") - 1) }
    # Why a need of a service, such as db=healthy, is not met; nothing if it is.
    function unmet(name, need,   other, condition) {
      other = needed(need); condition = substr(need, index(need, "=") + 1)
      if (waits_for_nothing || !(other in replicas) || replicas[other] == 0) return ""
      if (condition == "started" && (other in has_started)) return ""
      if (other in failing) return "wait|" failing[other] "|" name "|" condition
      if (other in waiting) return "wait|" waiting[other] "|" name "|" condition
      if (!(other in good_as)) return "wait|" other "|is not there||" name "|" condition
      if (condition == "healthy" && good_as[other] == "running")
        return "fail|" other "|has no healthcheck, but " name " waits until it is healthy|"
      return ""
    }
    END {
      first_flaws()
      for (i = 1; i <= service_count; i++) {
        name = services[i]
        if (!waits_for_nothing && applied[name] && name in failing) { print "fail|" failing[name]; exit }
      }
      for (i = 1; i <= service_count; i++) {
        name = services[i]
        need_count = split(needs[name], need, " ")
        for (k = 1; k <= need_count; k++) {
          other = needed(need[k])
          if (pending[other] || later[other]) later[name] = 1
          # Its dependency may already run, and itself wait for something that does not.
          else if (!blocked[name]) blocked[name] = blocked[other] ? blocked[other] : unmet(name, need[k])
        }
        if (later[name] || !(pending[name] || restarting[name])) continue
        if (blocked[name]) { if (first_blocked == "") first_blocked = blocked[name]; continue }
        print "go|" (pending[name] ? "start" : "restart") "|" name
        any = 1
      }
      if (!any) print first_blocked
    }'
}

# The services of the wave that are rolled out and have a container that runs. A service that the failed release rolled out is put
# back in the same way, if two of its containers can exist.
services_to_roll_out() { # $1 release
  {
    printf '%s\n' "$wave_starts" | mark starting
    services "$1" | mark service
    [ -z "$putting_back" ] || services_with_rollout "$release" | mark rolling
    observations
  } | awk -F '|' "$tables"'
    END {
      for (i = 1; i <= container_count; i++) {
        id = containers[i]; name = service[id]
        is_rolled_out = rollout[name] != "" || (rolling[name] && claims[name] == "")
        if (starting[name] && is_rolled_out && state[id] == "running" && !(id in off_limits) && !seen[name]++) print name
      }
    }'
}

# Prints the next step in the rollout of service $2 to release $1, nothing when it is done. There are never fewer containers than
# the release wants, unless there were fewer before.
#   remove|container  an old one that does not run
#   prove|container   a new one whose readiness is not known yet (see `ready`)
#   start|number      one more container; the number includes it
#   retire|container  an old one, oldest first; or a new one, if there are too many
next_step() { # $1 release, $2 service
  {
    changes_to "$1" | mark change
    printf '%s\n' "$ready" | mark ready
    services "$1" | mark service
    observations
  } | awk -F '|' -v wanted="$2" "$tables"'
    # See `changes_to`: kind|service|container
    $1 == "change" && $2 == "outdated" && $3 == wanted { outdated[$4] = 1 }
    END {
      # docker lists the newest container first.
      for (i = 1; i <= container_count; i++) {
        id = containers[i]
        if (service[id] != wanted || id in off_limits) continue
        if (!(id in outdated)) {
          if (!new_count++) newest = id
          if (!(id in ready)) unproved = id
        } else if (state[id] ~ /^(exited|created|dead|removing)$/) { print "remove|" id; exit }
        else { old_count++; oldest = id }
      }
      count = old_count + new_count
      if (unproved != "") print "prove|" unproved
      else if (new_count < replicas[wanted] && (count <= replicas[wanted] || new_count == 0)) print "start|" count + 1
      else if (old_count) print "retire|" oldest
      else if (new_count > replicas[wanted]) print "retire|" newest
    }'
}

# The services that ask to be restarted with a dependency, one that the last wave recreated.
restarts_with() { # $1 release
  {
    services "$1" | mark service
    printf '%s\n' "$pending" "$applied" | mark applied
    printf '%s\n' "$observed_before_wave" | mark before
    printf '%s\n' "$observed" | mark container
  } | awk -F '|' "$tables"'
    END {
      for (id in before_service) had_container[before_service[id]] = 1
      for (i = 1; i <= container_count; i++) {
        id = containers[i]
        if (state[id] == "running") runs[service[id]] = 1
        if (!(id in before_service) && had_container[service[id]]) recreated[service[id]] = 1
      }
      for (name in recreated) {
        asking_count = split(restart_with[name], asking, " ")
        for (k = 1; k <= asking_count; k++) if (runs[asking[k]] && !applied[asking[k]]) print asking[k]
      }
    }'
}

# Containers of another service that still hold something exclusive that a service of the wave `wave_starts` claims (a published
# port, a name, an address): `stop|container|service` or `rename|container|name`. Services of the same wave give up ports and
# addresses in time without help.
claim_holders() { # $1 release
  {
    printf '%s\n' "$wave_starts" | mark starting
    services "$1" | mark service
    observations
  } | awk -F '|' "$tables"'
    function is_any(address) { return address == "" || address == "0.0.0.0" || address == "::" }
    # Whether a claim, such as port/tcp/80/127.0.0.1, is for a port that a container publishes, such as 80/tcp/80/.
    function claims_port(claim_text, published,   wanted, has) {
      split(claim_text, wanted, "/")
      if (wanted[1] != "port" || split(published, has, "/") < 3) return 0
      return has[2] == wanted[2] && has[3] == wanted[3] && (is_any(has[4]) || is_any(wanted[4]) || has[4] == wanted[4])
    }
    function has_claimed(id, wanted,   has, n) {
      for (n = split(ports[id], has, " "); n > 0; n--) if (claims_port(wanted, has[n])) return 1
      for (n = split(addresses[id], has, " "); n > 0; n--) if (wanted == "ip/" has[n]) return 1
      return 0
    }
    END {
      for (i = 1; i <= service_count; i++) {
        if (!starting[services[i]]) continue
        count = split(claims[services[i]], list, " ")
        for (k = 1; k <= count; k++) { claim[++claim_count] = list[k]; claimed_by[claim_count] = services[i] }
      }
      for (i = 1; i <= container_count; i++) {
        id = containers[i]
        if (id in off_limits) continue
        has_ports = state[id] !~ /^(exited|created|dead)$/ && !starting[service[id]]
        for (k = 1; k <= claim_count; k++) {
          if (claimed_by[k] == service[id]) continue
          if (claim[k] == "name" container_name[id]) print "rename|" id "|" container_name[id]
          if (has_ports && has_claimed(id, claim[k])) print "stop|" id "|" service[id]
        }
      }
    }' | sort -u
}

# Our containers of services that release $1 does not have; with $2, only those that are not stopped. (compose's --remove-orphans
# would remove anything that carries the project's labels, even a container that somebody starts right now.)
orphans() { # $1 release
  situation "$1" | awk -F '|' -v only_running="${2-}" "$tables"'
    END {
      for (i = 1; i <= container_count; i++) {
        id = containers[i]
        if (service[id] in image || id in off_limits) continue
        if (only_running == "" || state[id] !~ /^(exited|created|dead)$/) print id
      }
    }'
}
