# Output, time and small tools that every other part uses.

# Prints a line for people. This is the only way to their terminal (main closes stderr to everything else), because text from
# docker, containers and files may contain escape sequences. If the reader is gone (a cut SSH connection), only the line is lost.
say() {
  say_text=$*
  case $say_text in
  *[!\ -~"$nl$tab"]*) printf '%s\n' "$say_text" | printable ;;
  *) if [ ${#say_text} -le 4000 ]; then printf '%s\n' "$say_text"; else printf '%s\n' "$say_text" | printable; fi ;;
  esac 2>/dev/null >&3 || :
}

# Copies stdin, with `?` for anything that would steer a terminal: control characters (C0, DEL, C1), characters that change the
# writing direction, and bytes that are not UTF-8. Cuts lines at 4000 bytes, and the text at 200 lines.
printable() {
  awk '
    BEGIN { for (i = 1; i < 256; i++) byte[sprintf("%c", i)] = i }
    NR > 200 { exit }
    {
      line = ""
      for (at = 1; at <= length($0) && at <= 4000; at += width) {
        point = byte[substr($0, at, 1)]
        width = point < 128 ? 1 : point < 192 ? 0 : point < 224 ? 2 : point < 240 ? 3 : point < 248 ? 4 : 0
        if (width > 1) point = point % (width == 2 ? 32 : width == 3 ? 16 : 8) # busybox may lack `^`
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

# Sets `ticks`, in hundredths of a second since boot: unlike the time of day, nobody can set it.
clock() {
  read -r clock_up _ </proc/uptime
  ticks=${clock_up%.*}${clock_up#*.}
}

# Converts hundredths of a second to seconds, as a JSON number.
seconds() { printf '%d.%02d' $(($1 / 100)) $(($1 % 100)); }

nap() { sleep 0.2 2>/dev/null || sleep 1; }

utc() { date -u +%Y-%m-%dT%H:%M:%SZ; }

# Flushes files and folders to the disk, so that a later rename never exposes a half-written file.
flush() { timeout 60 sync "$@" 2>/dev/null || timeout 120 sync; }

# Replaces file $1 with stdin, atomically.
replace_file() {
  move_aside_unless file "$1" && rm -rf "$1.new" && cat >"$1.new" && flush "$1.new" && mv -f "$1.new" "$1" && return
  rm -f "$1.new"
  return 1
}

# Prints these files, and skips anything else: reading a pipe would never end.
contents() {
  for contents_of; do
    [ ! -f "$contents_of" ] || cat "$contents_of"
  done
}

# Prints the value of line "$2 …" in file $1; nothing if there is none.
field() { [ ! -f "$1" ] || sed -n "s/^$2 //p" "$1" 2>/dev/null | head -n 1; }

# Encodes $1 as Go's template function `urlquery` does, except for `/ : @` (see `inspected`).
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

# Whether $1 is JSON as JSON.stringify writes it: one line, without blanks. Replaces strings with \001 and other values with
# \002, then lists and objects with \002, from the inside out.
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

# Prints those characters of an untrusted text that need no escaping in a JSON string.
json_safe() { printf '%s' "$1" | tr -cd 'A-Za-z0-9 .:_/-'; }

# The lines of $1 that are not in $2.
without() { printf '%s\n' "$1" | grep -vxF -e "$2"; }

# Measures time: `phase x` ends the previous phase and begins x; `phases` holds their seconds as JSON members.
phase_name='' phases=''
phase() {
  clock
  if [ -n "$phase_name" ]; then
    phases="$phases${phases:+,}\"$phase_name\":$(seconds $((ticks - phase_from)))"
  fi
  phase_name=$1 phase_from=$ticks
}
