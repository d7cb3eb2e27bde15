# Words, time and small tools that every other part uses.

# A line for people. The reader may be gone (a cut SSH connection): then it is lost, and nothing else.
say() { printf '%s\n' "$*" >&2 || :; }

# Ends the run because of something the user has to mend. $1 exit status, the rest the message.
refuse() {
  refuse_status=$1
  shift
  say "$*"
  exit "$refuse_status"
}

# Sets `ticks`: hundredths of a second on a clock that nobody can set.
clock() {
  read -r clock_up _ </proc/uptime
  ticks=${clock_up%.*}${clock_up#*.}
}

# Hundredths of a second as a JSON number of seconds.
seconds() { printf '%d.%02d' $(($1 / 100)) $(($1 % 100)); }

nap() { sleep 0.2 2>/dev/null || sleep 1; }

utc() { date -u +%Y-%m-%dT%H:%M:%SZ; }

# Puts files and folders on the disk for good, so that a rename that follows never shows something half-written.
flush() { timeout 60 sync "$@" 2>/dev/null || timeout 120 sync; }

# Replaces file $1 by stdin, at once or not at all.
put() {
  cat >"$1.new" && flush "$1.new" && mv -f "$1.new" "$1" && return
  rm -f "$1.new"
  return 1
}

# The value of line "$2 …" in a file of such lines, nothing if there is none.
field() { sed -n "s/^$2 //p" "$1" 2>/dev/null | head -n 1; }

# Times: `phase x` ends the phase before and begins x; `phases` has them as JSON members.
phase_name='' phases=''
phase() {
  clock
  if [ -n "$phase_name" ]; then
    phases="$phases${phases:+,}\"$phase_name\":$(seconds $((ticks - phase_from)))"
  fi
  phase_name=$1 phase_from=$ticks
}
