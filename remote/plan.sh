# What is to be done to containers, and when. Nothing here touches one.

# What is to change for release $1, one per line: `todo|service`, dependencies first, where there are too few or too many
# containers, or one is of another configuration or image (compose's own rule), is such as compose would wrongly keep, or
# does not run; `odd|service|container` for those that compose would wrongly keep (left half-made by a killed compose,
# created from another image behind its labels, using a file that had been changed by hand, not made by compose at all);
# `over|service|container` for what is left of other runs of a finished one-shot.
changes_to() { # $1 release
  { runs_of "$previous" | sed 's/^/R|/'; situation "$1"; } |
    awk -F '|' -v except="$left_alone" -v replaced="$([ ! -f replaced ] || grep -x '[0-9a-f]\{64\}' replaced | tr '\n' ' ')" '
    BEGIN { n = split(replaced, dirty, " ") }
    $1 == "S" { order[++k] = $2; wanted[$2] = $3; replicas[$2] = $5; for (i = 1; i <= n; i++) if (index($7, dirty[i])) saw_dirty[$2] = 1 }
    $1 == "H" { hash[$2] = $3 }
    $1 == "I" { m = split($3, names, " "); for (i = 1; i <= m; i++) image[names[i]] = $2 }
    $1 == "F" { finished[$5] = 1 }
    $1 == "R" { proved[$5 "|" $3] = 1 }
    $1 == "U" && $2 != "" { was[$2] = $4 }
    $1 == "C" && $2 != "" && ($13 in wanted) && !index(except, " " $2 " ") { count[$13]++; line[++rows] = $0 }
    END {
      for (r = 1; r <= rows; r++) {
        split(line[r], c, "|")
        service = c[13]; right = image[wanted[service]]
        odd = c[9] == "" || c[4] == "created" || c[4] == "dead" || c[4] == "removing" || saw_dirty[service] || (right != "" && c[3] != right && c[11] == right)
        other = c[9] != hash[service] || c[11] != right
        if (finished[service]) { if (odd || c[3] != right || (other && !((service "|" c[9]) in proved))) print "over|" service "|" c[2] }
        else if (odd) print "odd|" service "|" c[2]
        # What did not run before need not run when it is put back.
        if (odd || other || (c[4] != "running" && c[4] != "restarting" && was[c[2]] != c[4])) todo[service] = 1
      }
      for (i = 1; i <= k; i++) if (!finished[order[i]] && (todo[order[i]] || count[order[i]] + 0 != replicas[order[i]])) print "todo|" order[i]
    }'
}

# What can be done now for release $1, one per line: `go|start|service` for each whose dependencies are all as it waits for
# them, `go|restart|service` for those that restart with one of them. If nothing can, `fail|…`, the verdict on what will not
# mend itself, or `wait|…`, on what is waited for. What is put back waits for nothing: it ran before.
next_wave() { # $1 release
  {
    services "$1" | sed 's/^/S|/'
    printf '%s\n' "$pending" | sed 's/^/P|/'
    printf '%s\n' "$restarting" | sed 's/^/R|/'
    printf '%s\n' "$applied" | sed 's/^/A|/'
    verdicts "$1" | sed 's/^/V|/'
  } | awk -F '|' -v free="${putting_back:+1}" '
    $1 == "S" { order[++n] = $2; replicas[$2] = $5; needs[$2] = $10 }
    $1 == "P" { pending[$2] = 1 }
    $1 == "R" { restarting[$2] = 1 }
    $1 == "A" { applied[$2] = 1 }
    $1 == "V" && $2 == "good" { health[$3] = $7 }
    $1 == "V" && $2 == "wait" && !($3 in waits) { waits[$3] = $3 "|" $4 "|" $5 }
    $1 == "V" && $2 == "wait" && $4 ~ /^is (starting|unhealthy|still running)$/ { starts[$3] = 1 }
    $1 == "V" && $2 == "fail" && !($3 in fails) { fails[$3] = $3 "|" $4 "|" $5 }
    # Why `need`, such as db=healthy, is not met for a service; nothing if it is.
    function unmet(service, need,   dep, how, at) {
      at = index(need, "="); dep = substr(need, 1, at - 1); how = substr(need, at + 1)
      if (free || !(dep in replicas) || replicas[dep] == 0) return ""
      if (how == "started" && (dep in starts)) return ""
      if (dep in fails || dep in waits || !(dep in health))
        return "wait|" ((dep in fails) ? fails[dep] : (dep in waits) ? waits[dep] : dep "|is not there|") "|" service "|" how
      if (how == "healthy" && health[dep] == "running")
        return "fail|" dep "|has no healthcheck, and " service " waits until it is healthy|"
      return ""
    }
    END {
      for (i = 1; i <= n; i++) if (!free && applied[order[i]] && order[i] in fails) { print "fail|" fails[order[i]]; exit }
      for (i = 1; i <= n; i++) {
        service = order[i]
        k = split(needs[service], need, " ")
        for (j = 1; j <= k; j++) {
          dep = substr(need[j], 1, index(need[j], "=") - 1)
          if (pending[dep] || late[dep]) late[service] = 1
          # What it waits for may itself run already, and wait for something that does not.
          else if (!blocked[service]) blocked[service] = blocked[dep] ? blocked[dep] : unmet(service, need[j])
        }
        if (late[service] || !(pending[service] || restarting[service])) continue
        if (blocked[service]) { if (blocker == "") blocker = blocked[service]; continue }
        print "go|" (pending[service] ? "start" : "restart") "|" service
        any = 1
      }
      if (!any) print blocker
    }'
}

# The services that ask to be restarted with those of the last wave that were recreated.
restarts_with() { # $1 release
  {
    services "$1" | sed 's/^/S|/'
    printf '%s\n' "$pending" "$applied" | sed 's/^/A|/'
    printf '%s\n' "$wave_before" | sed 's/^/B|/'
    printf '%s\n' "$present" | sed 's/^/C|/'
  } | awk -F '|' '
    $1 == "S" { along[$2] = $8 }
    $1 == "A" { done[$2] = 1 }
    $1 == "B" { had[$2] = 1; was[$13] = 1 }
    $1 == "C" && $4 == "running" { runs[$13] = 1 }
    $1 == "C" && $2 != "" && !($2 in had) && was[$13] { recreated[$13] = 1 }
    END {
      for (service in recreated) {
        k = split(along[service], other, " ")
        for (i = 1; i <= k; i++) if (runs[other[i]] && !done[other[i]]) print other[i]
      }
    }'
}

# What only one container can have (a published port, a name, an address) and the container of another service still has,
# although a service of the wave `wave_starts` claims it: `stop|container|service` or `rename|container|name`. Services of the same
# wave lose ports and addresses in time by themselves.
holders() { # $1 release
  {
    printf '%s\n' "$wave_starts" | sed 's/^/W|/'
    services "$1" | sed 's/^/S|/'
    printf '%s\n' "$present" | sed 's/^/C|/'
  } | awk -F '|' -v except="$left_alone" '
    $1 == "W" { starts[$2] = 1 }
    $1 == "S" && starts[$2] { k = split($11, claim, " "); for (i = 1; i <= k; i++) { claims[++n] = claim[i]; by[n] = $2 } }
    function any(ip) { return ip == "" || ip == "0.0.0.0" || ip == "::" }
    # Whether what a container has, and how it is written in its facts, is what claim `c` wants.
    function has(c, port, ip,   wanted, p) {
      split(claims[c], wanted, "/")
      if (wanted[1] == "ip") return ip != "" && substr(claims[c], 4) == ip
      if (wanted[1] != "port" || split(port, p, "/") < 3) return 0
      return p[2] == wanted[2] && p[3] == wanted[3] && (any(p[4]) || any(wanted[4]) || p[4] == wanted[4])
    }
    $1 == "C" && $2 != "" && !index(except, " " $2 " ") { line[++rows] = $0 }
    END {
      for (r = 1; r <= rows; r++) {
        split(line[r], f, "|")
        kp = split(f[15], ports, " "); ki = split(f[16], ips, " ")
        for (c = 1; c <= n; c++) {
          if (by[c] == f[13]) continue
          if (claims[c] == "name" f[10]) print "rename|" f[2] "|" f[10]
          if (f[4] == "exited" || f[4] == "created" || f[4] == "dead" || starts[f[13]]) continue
          for (i = 1; i <= kp; i++) if (has(c, ports[i], "")) print "stop|" f[2] "|" f[13]
          for (i = 1; i <= ki; i++) if (has(c, "", ips[i])) print "stop|" f[2] "|" f[13]
        }
      }
    }' | sort -u
}
