# shellcheck shell=sh
# The messages of set-up.

said=

# Announces a step before it begins.
say() {
  said=yes
  printf 'setup: %s\n' "$1"
}

# `<where>: <what is wrong>; <what to do>`
fail() {
  printf '%s\n' "$1" >&2
  exit 1
}

pulumi_in_use=

# Which Pulumi the last line names.
remember_pulumi() {
  pulumi_in_use=$1
}

announce_end() {
  if [ "$said" ]; then done="done"; else done="everything is there"; fi
  say "$done (Pulumi: $pulumi_in_use)"
}
