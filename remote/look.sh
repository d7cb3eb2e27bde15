# The project's containers as they are, and what is known about them.

# Sets `present` (containers), `strangers` (those of them that are not ours), `left_alone` (the ids of those that stay as
# they are) and adds the images of all to `present_images`; fails when the engine does not answer.
look() {
  present=$(containers) || return 1
  strangers=$(not_ours) left_alone=''
  [ "$take_over" = unmanaged ] || left_alone=" $(printf '%s\n' "$strangers" | cut -d '|' -f 1 | tr '\n' ' ')"
  look_unknown=$({ printf '%s\n' "$present_images" "$release_images" | sed 's/^/I|/'; printf '%s\n' "$present" | sed 's/^/C|/'; } |
    awk -F '|' '$1 == "I" { known[$2] = 1 } $1 == "C" && $3 != "" && !known[$3]++ { print $3 }')
  [ -n "$look_unknown" ] || return 0
  # shellcheck disable=SC2086 # one word per image; one that is gone is left out of the answer
  present_images=$present_images$nl$(images $look_unknown 2>/dev/null) || :
}

# Containers that carry the project's labels, which anybody can write, and are not ours. Ours is what compose made from this
# folder; and, wherever it was made, what has a configuration hash that the current release's proof names for the service.
not_ours() {
  { runs_of "$previous" | sed 's/^/R|/'; printf '%s\n' "$present" | sed 's/^/C|/'; } |
    awk -F '|' -v folder="$folder_fact" '
      $1 == "R" && $3 != "" { proved[$5 "|" $3] = 1 }
      $1 == "C" && $2 != "" && $14 != folder && !(($13 "|" $9) in proved) { sub(/^C\|/, ""); print }'
}

# The containers of service $1 as they are, one per line: id|image id.
present_of() { printf '%s\n' "$present" | awk -F '|' -v service="$1" '$12 == service { print $1 "|" $2 }'; }

# The names of containers, for people: at most ten.
names_of() {
  printf '%s\n' "$1" | awk -F '|' '
    { sub(/^\//, "", $9); text = text (NR == 1 ? "" : ", ") $9 }
    NR == 10 { text = text ", ..."; exit }
    END { print text }'
}

# Lines for the judgements below and in `verdicts`: S services, H compose's hash of each, I images, B containers as they
# were, C as they are; U those before the deployment began, when it is being put back; F one-shots that have finished (see
# `finished_services`).
situation() { # $1 release
  services "$1" | sed 's/^/S|/'
  printf '%s\n' "$release_hashes" | sed -n 's/^\([^ ]*\) /H|\1|/p'
  printf '%s\n' "$finished" | sed 's/^/F|/'
  printf '%s\n' "$present_images" "$release_images" | sort -u | sed 's/^/I|/'
  printf '%s\n' "$before" | sed 's/^/B|/'
  [ -z "$putting_back" ] || printf '%s\n' "$at_first" | sed 's/^/U|/'
  printf '%s\n' "$present" | sed 's/^/C|/'
}

# Our containers of services that release $1 does not have. (compose's --remove-orphans would remove whatever carries the
# project's labels, also what somebody starts just now.) With $2, only those that are not stopped.
orphans() { # $1 release
  situation "$1" | awk -F '|' -v except="$left_alone" -v running="${2-}" '
    $1 == "S" { wanted[$2] = 1 }
    $1 == "C" && $2 != "" && !($13 in wanted) && !index(except, " " $2 " ") && (running == "" || $4 !~ /^(exited|created|dead)$/) { print $2 }'
}
