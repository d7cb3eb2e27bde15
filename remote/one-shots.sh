# One-shots run once, and again only when they changed: which of them have finished is remembered in `finished`, one a line, as
# `running` prints them.

# One-shots of release $1 that have done their work and are not run again, as `running` prints them. Of what is put back
# none is: what it did once was done.
finished_services() { # $1 release
  if [ -n "$putting_back" ]; then
    ended_of "$1"
    return
  fi
  { finished_before | sed 's/^/E|/'; situation "$1"; } | awk -F '|' '
    $1 == "S" { wanted[$2] = $3; course[$2] = $9 }
    $1 == "H" { hash[$2] = $3 }
    $1 == "I" { k = split($3, names, " "); for (i = 1; i <= k; i++) image[names[i]] = $2 }
    $1 == "E" { done[$5] = $2 "|" $3 }
    # A deployment that was cut off may have left one that has ended.
    $1 == "C" && $4 == "exited" && $6 == 0 && course[$13] == "ends" && $9 == hash[$13] { done[$13] = $3 "|" $9 }
    END {
      for (service in done)
        if (service in wanted && course[service] != "lasts" && done[service] == image[wanted[service]] "|" hash[service]) print done[service] "|exited|" service
    }'
}

# The last run of each one-shot that ended well, whatever became of its container. A host without such a record knows of
# them by its last proof.
finished_before() {
  if [ -f finished ]; then cat finished; else ended_of "$previous"; fi
}

# Records which one-shots of release $1 have finished. If there is a container, that says it; if not, the record stays.
remember_finished() { # $1 release
  {
    finished_before | sed 's/^/E|/'
    printf '%s\n' "$applied" | sed 's/^/A|/'
    situation "$1"
  } | awk -F '|' '
    $1 == "S" { wanted[$2] = $3; course[$2] = $9 }
    $1 == "H" { hash[$2] = $3 }
    $1 == "I" { k = split($3, names, " "); for (i = 1; i <= k; i++) image[names[i]] = $2 }
    $1 == "A" { applied[$2] = 1 }
    $1 == "E" { done[$5] = $2 "|" $3 }
    $1 == "C" && $2 != "" {
      there[$13] = 1
      now = $3 "|" hash[$13]
      # The hash of one that shares the network of a container names that: then what it ran as counts.
      own = $3 == image[wanted[$13]] && ($9 == hash[$13] || applied[$13] || done[$13] == now)
      # What another deployment left, and this one did not get to, has run as the record says.
      if (!own) { if (applied[$13]) open[$13] = 1; next }
      # Nor has one run that could not be started.
      if ($4 == "created") next
      if ($4 != "exited" || $6 != 0 || course[$13] == "lasts") open[$13] = 1
      done[$13] = now
    }
    END { for (service in done) if (!(service in there) || !open[service]) print done[service] "|exited|" service }' |
    sort | put finished
}

# What ran when release $1 was proved, as `running` prints it; nothing of none.
runs_of() { contents "releases/$1/proved" | sed -n 's/^runs //p'; }

# Of that, the one-shots that had ended.
ended_of() { runs_of "$1" | grep '|exited|'; }
