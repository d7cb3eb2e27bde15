# Changing containers. compose decides which ones; it misses a few cases, which are taken out of its way first.

# Sets `present` (containers), `strangers` (those of them that are not ours) and adds their images to `present_images`; fails
# when the engine does not answer.
look() {
  present=$(containers) || return 1
  strangers=$(not_ours)
  look_unknown=$({ printf '%s\n' "$present_images" "$release_images" | sed 's/^/I|/'; printf '%s\n' "$present" | sed 's/^/C|/'; } |
    awk -F '|' '$1 == "I" { known[$2] = 1 } $1 == "C" && $3 != "" && !known[$3]++ { print $3 }')
  [ -n "$look_unknown" ] || return 0
  # shellcheck disable=SC2086 # one word per image; one that is gone is left out of the answer
  present_images=$present_images$nl$(images $look_unknown 2>/dev/null) || :
}

# Containers that carry the project's labels, which anybody can write, and are not ours. Ours is what compose made from this
# folder; and, wherever it was made, what has a configuration hash that the current release's proof names for the service.
not_ours() {
  { [ -z "$previous" ] || sed -n 's/^runs /R|/p' "releases/$previous/proved"; printf '%s\n' "$present" | sed 's/^/C|/'; } |
    awk -F '|' -v folder="$folder_fact" '
      $1 == "R" && $3 != "" { proved[$5 "|" $3] = 1 }
      $1 == "C" && $2 != "" && $14 != folder && !(($13 "|" $9) in proved) { sub(/^C\|/, ""); print }'
}

# The names of containers, for people: at most ten.
names_of() {
  printf '%s\n' "$1" | awk -F '|' '
    { sub(/^\//, "", $9); text = text (NR == 1 ? "" : ", ") $9 }
    NR == 10 { text = text ", ..."; exit }
    END { print text }'
}

# Lines for the judgement in `verdicts`: S services, I images, B containers as they were, C as they are; U those before
# the deployment began, when it is being put back.
situation() { # $1 release
  services "$1" | sed 's/^/S|/'
  printf '%s\n' "$present_images" "$release_images" | sort -u | sed 's/^/I|/'
  printf '%s\n' "$before" | sed 's/^/B|/'
  printf '%s\n' "$putting_back" | sed 's/^/U|/'
  printf '%s\n' "$present" | sed 's/^/C|/'
}

# Removes containers that compose would wrongly keep or trip over: left half-made by a killed compose, created from
# another image behind its labels, using a file that had been changed by hand, or not made by compose at all (it
# overlooks what has no config hash). And those of services that the release does not have: compose's --remove-orphans
# would remove whatever carries the project's labels, also what somebody starts just now.
discard_stale() { # $1 release
  stale_except=''
  [ "$take_over" = unmanaged ] || stale_except=$(printf '%s\n' "$strangers" | cut -d '|' -f 1 | tr '\n' ' ')
  orphans=$(situation "$1" | awk -F '|' -v except=" $stale_except" '
    $1 == "S" { wanted[$2] = 1 }
    $1 == "C" && $2 != "" && !($13 in wanted) && !index(except, " " $2 " ") { print $2 }')
  # shellcheck disable=SC2086 # one word per id
  [ -z "$orphans" ] || docker_in 120 stop $orphans >/dev/null 2>&1 || :
  stale=$(situation "$1" | awk -F '|' -v except=" $stale_except" -v replaced="$([ ! -f replaced ] || grep -x '[0-9a-f]\{64\}' replaced | tr '\n' ' ')" '
    BEGIN { n = split(replaced, changed, " ") }
    $1 == "S" { wanted[$2] = $3; for (i = 1; i <= n; i++) if (index($7, changed[i])) dirty[$2] = 1 }
    $1 == "I" { k = split($3, names, " "); for (i = 1; i <= k; i++) image[names[i]] = $2 }
    $1 == "C" && $2 != "" && ($13 in wanted) && !index(except, " " $2 " ") {
      right = image[wanted[$13]]
      if ($9 == "" || $4 == "created" || $4 == "dead" || $4 == "removing" || dirty[$13] || (right != "" && $3 != right && $11 == right)) print $2
    }')
  # shellcheck disable=SC2086 # one word per id
  [ -z "$orphans$stale" ] || docker_in 60 rm -f $orphans $stale >/dev/null 2>&1 || :
  paused=$(printf '%s\n' "$present" | awk -F '|' -v except=" $stale_except" '$3 == "paused" && !index(except, " " $1 " ") { print $1 }')
  # shellcheck disable=SC2086 # one word per id
  [ -z "$paused" ] || engine unpause $paused >/dev/null 2>&1 || :
  [ -z "$orphans$stale$paused" ] || look
}

# Makes the containers those of release $1. Compose before 2.29.4 recreates together with a container every other that
# depends on it (setDependentLifecycle in its pkg/compose/convergence.go): there the services that change come up one by
# one, dependencies first, and the whole only where something is still not as it should be.
apply() {
  rm -f .run/up
  apply_status=0
  if is_as_staged "$1" compose.yaml services; then
    discard_stale "$1" || return 1
  elif [ "$1" = "$release" ]; then
    echo "release $1 was changed by hand on this host" >.run/up
    return 1
  else
    # It served before: what was changed by hand serves again, but decides about no container that is to be removed.
    say "release $1 was changed by hand on this host, and is put back as it is"
  fi
  if newer "${compose_version#v}" 2.30; then
    bring_up "$1"
    look || return 1
  else
    changed_services "$1" 2>/dev/null >.run/changed || return 1
    # shellcheck disable=SC2086 # a service, and those that are restarted with it
    while read -r apply_services; do
      bring_up "$1" $apply_services || break
    done <.run/changed
    look || return 1
    if [ "$apply_status" = 0 ] && incomplete "$1"; then
      bring_up "$1"
      look || return 1
    fi
  fi
  looked=1
  tell_changes
  return "$apply_status"
}

# Whether something is missing, too much or not started, so that compose has to look at the whole of release $1.
incomplete() {
  verdicts "$1" | grep -v '^good|' | grep -qv '^wait|[^|]*|is \(starting\|unhealthy\|restarting\)'
}

bring_up() { # $1 release, then what else `up` is told
  bring_up_release=$1
  shift
  compose_in $((health_timeout + 300)) "releases/$bring_up_release" up -d --no-build --pull never "$@" >>.run/up 2>&1
  apply_status=$?
  return "$apply_status"
}

# The services whose containers compose would recreate for release $1, one per line with those that it says to restart
# along, dependencies first. The rule is compose's own: another configuration hash, or another image.
changed_services() {
  { situation "$1"; printf '%s\n' "$release_hashes" | sed 's/^/H|/'; } | awk -F '|' '
    $1 == "S" { order[++n] = $2; wanted[$2] = $3; along[$2] = $8 }
    $1 == "I" { k = split($3, names, " "); for (i = 1; i <= k; i++) image[names[i]] = $2 }
    $1 == "H" { split($2, pair, " "); hash[pair[1]] = pair[2] }
    $1 == "C" && $2 != "" { seen[$2] = $13; configuration[$2] = $9; origin[$2] = $11 }
    END {
      for (id in seen) {
        service = seen[id]
        if (configuration[id] != hash[service] || origin[id] != image[wanted[service]]) old[service] = 1
      }
      for (i = 1; i <= n; i++) if (old[order[i]]) print order[i] (along[order[i]] == "" ? "" : " " along[order[i]])
    }'
}

# Says which containers are others than before; not again what was just said, when compose is tried again and again.
tell_changes() {
  changes=$({ printf '%s\n' "$before" | sed 's/^/B|/'; printf '%s\n' "$present" | sed 's/^/C|/'; } | awk -F '|' '
    $2 == "" { next }
    $1 == "B" { had[$2] = $8; old[$13] = 1 }
    $1 == "C" {
      if (!($2 in had)) print (($13 in old) ? "recreate " : "create ") $13
      else if (had[$2] != $8) print "restart " $13 }' | sort -u)
  [ -z "$changes" ] || [ "$changes" = "$told_changes" ] || say "$changes"
  told_changes=$changes
}
