# shellcheck shell=sh
# What set-up tells people.

said=

# Announces a step, before it is taken.
say() {
  said=yes
  printf 'setup: %s\n' "$1"
}

# `<where>: <what is wrong>; <what to do>`
fail() {
  printf '%s\n' "$1" >&2
  exit 1
}

announce_end() {
  if [ "$said" ]; then say "done"; else printf 'setup: everything is there\n'; fi
}
