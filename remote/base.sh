# Words, time and small tools that every other part uses.

# Prints a line for people. It is the only way to their terminal (main closes stderr to everything else), because what docker,
# a container or a file says may hold escape sequences. If the reader is gone (a cut SSH connection), the line is lost and
# nothing else.
say() {
  say_text=$*
  case $say_text in
  *[!\ -~"$nl$tab"]*) printf '%s\n' "$say_text" | printable ;;
  *) if [ ${#say_text} -le 4000 ]; then printf '%s\n' "$say_text"; else printf '%s\n' "$say_text" | printable; fi ;;
  esac 2>/dev/null >&3 || :
}

# stdin with `?` for what would steer a terminal: control characters (C0, DEL, C1), those that turn the direction of
# writing, and bytes that are not UTF-8. Lines end after 4000 bytes, and all of it after 200 lines.
printable() {
  awk '
    BEGIN { for (i = 1; i < 256; i++) byte[sprintf("%c", i)] = i }
    NR > 200 { exit }
    {
      line = ""
      for (at = 1; at <= length($0) && at <= 4000; at += width) {
        point = byte[substr($0, at, 1)]
        width = point < 128 ? 1 : point < 192 ? 0 : point < 224 ? 2 : point < 240 ? 3 : point < 248 ? 4 : 0
        if (width > 1) point = point % (width == 2 ? 32 : width == 3 ? 16 : 8) # busybox may have no powers
        for (k = 1; k < width; k++) {
          next_byte = byte[substr($0, at + k, 1)]
          if (next_byte < 128 || next_byte > 191) { width = 0; break }
          point = point * 64 + next_byte - 128
        }
        odd = width == 0 || (point < 32 && point != 9) || (point > 126 && point < 160) || (width > 1 && point < 128) || \
          (point > 8233 && point < 8239) || (point > 8293 && point < 8298) || (point > 55295 && point < 57344) || point > 1114111
        if (width == 0) width = 1
        line = line (odd ? "?" : substr($0, at, width))
      }
      print line (at <= length($0) ? " ..." : "")
    }'
}

# Ends the run because of something the user has to fix. $1 exit status, the rest the message.
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

# Writes files and folders through to the disk, so that a rename that follows never shows something half-written.
flush() { timeout 60 sync "$@" 2>/dev/null || timeout 120 sync; }

# Replaces file $1 with stdin, at once or not at all.
replace_file() {
  move_aside_unless file "$1" && rm -rf "$1.new" && cat >"$1.new" && flush "$1.new" && mv -f "$1.new" "$1" && return
  rm -f "$1.new"
  return 1
}

# Prints these files, and skips what is not a file: reading a pipe would never end.
contents() {
  for contents_of; do
    [ ! -f "$contents_of" ] || cat "$contents_of"
  done
}

# The value of line "$2 …" in a file of such lines, nothing if there is none.
field() { [ ! -f "$1" ] || sed -n "s/^$2 //p" "$1" 2>/dev/null | head -n 1; }

# What Go's template function `urlquery` makes of $1, but for `/ : @` (see `inspected`).
encoded() {
  case $1 in
  *[!A-Za-z0-9._~/:@-]*) ;;
  *)
    printf '%s' "$1"
    return
    ;;
  esac
  printf '%s\n' "$1" | awk '
    BEGIN {
      for (i = 1; i < 256; i++) {
        c = sprintf("%c", i)
        code[c] = c ~ /[A-Za-z0-9._~\/:@-]/ ? c : c == " " ? "+" : sprintf("%%%02X", i)
      }
    }
    { for (at = 1; at <= length($0); at++) printf "%s", code[substr($0, at, 1)] }'
}

# Whether $1 is JSON as JSON.stringify writes it, in one line and without blanks. Strings become \001 and other values \002,
# and then lists and objects become \002, from the inside out.
is_json() {
  printf '%s\n' "$1" | awk '
    /[\001-\037]/ { exit bad = 1 }
    {
      gsub(/"([^"\\]|\\["\\\/bfnrt]|\\u[0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f])*"/, "\001")
      gsub(/-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?|true|false|null/, "\002")
      while (gsub(/\{(\001:[\001\002](,\001:[\001\002])*)?\}|\[([\001\002](,[\001\002])*)?\]/, "\002")) continue
      text = $0
    }
    END { exit bad || NR != 1 || text != "\002" }'
}

# Of a text of others' making, the characters that can stand in a JSON string as they are.
json_safe() { printf '%s' "$1" | tr -cd 'A-Za-z0-9 .:_/-'; }

# The lines of $1 that are not in $2.
without() { printf '%s\n' "$1" | grep -vxF -e "$2"; }

# Times: `phase x` ends the phase before and begins x; `phases` has them as JSON members.
phase_name='' phases=''
phase() {
  clock
  if [ -n "$phase_name" ]; then
    phases="$phases${phases:+,}\"$phase_name\":$(seconds $((ticks - phase_from)))"
  fi
  phase_name=$1 phase_from=$ticks
}
