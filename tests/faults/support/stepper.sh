#!/bin/sh
# Stands before the tools that change something on a lab host (docker, mv, …) and ends the deployment at one of its calls.
# /tmp/kill-plan: "before|after program|session|driver <call>"; the call is a number, or a pattern for the first that
# matches it, such as `docker compose * up *`. Only for a deployment of `everfresh`, found by its name.
name=${0##*/} real=/usr/bin/${0##*/}
given=$PATH PATH=/usr/bin:/bin
# The tool itself, with the search path it was called with.
really() { PATH=$given "$real" "$@"; }
pid=$$ program=''
while [ "$pid" -gt 1 ]; do
  pid=$(awk '/^PPid:/ { print $2 }' "/proc/$pid/status")
  tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q 'everfresh deploy' && program=$pid
done
if [ -z "$program" ] || [ ! -f /tmp/kill-plan ]; then really "$@"; exit; fi

printf . >>/tmp/kill-count
number=$(wc -c </tmp/kill-count)
read -r when whom target </tmp/kill-plan
is_it() {
  case $target in
    *[!0-9]*)
      # shellcheck disable=SC2254 # it is a pattern
      case "$name $*" in $target) [ ! -e /tmp/kill-step ] ;; *) false ;; esac
      ;;
    *) [ "$number" -eq "$target" ] ;;
  esac
}
is_it "$@" || { really "$@"; exit; }

status=0
[ "$when" = before ] || { really "$@"; status=$?; }
printf '%s %s\n' "$name" "$*" >/tmp/kill-step
case $whom in
program) kill -KILL "$program" ;;
session) pkill -KILL -s "$(awk '{ print $6 }' "/proc/$program/stat")" ;;
driver) # somebody from outside does it, and says when it is done
  touch /tmp/kill-now
  while [ ! -e /tmp/kill-done ]; do sleep 0.05; done
  ;;
esac
[ "$when" = after ] || { really "$@"; status=$?; }
exit "$status"
