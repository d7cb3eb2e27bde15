# The checks of `x-everfresh.verify`. A release's `checks` file is a list of calls of the three functions below; every
# container of the service must pass.

# Runs release $1's checks; sets `check_failed` to "service|what|container" of the first that did not pass, if any.
run_checks() {
  check_failed=''
  # The shell would end at a file that breaks off in the middle of a word.
  is_as_staged "$1" checks || {
    check_failed="|its checks were changed on this host|"
    return 1
  }
  # shellcheck disable=SC1090 # written by core/host/program.ts
  . "./releases/$1/checks"
  [ -z "$check_failed" ]
}

containers_of() { printf '%s\n' "$proof" | awk -F '|' -v service="$1" '$1 == "good" && $2 == service && $7 == "" { print $3 }'; }

# A text out of stdin with its final newlines, and an end mark against $( ) cutting those off.
whole() { cat && printf x; }

# The raw answer to a GET, at most 1 MiB in 5 seconds. HTTP/1.0: it comes in one piece, and then the connection is closed.
# bash and nc are asked because curl and wget are not on every host.
http_get() { # address port path
  # shellcheck disable=SC2016 # the inner shell's own variables
  http_request='printf "GET %s HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n" "$3"'
  if command -v bash >/dev/null 2>&1; then
    timeout 5 bash -c "exec 3<>\"/dev/tcp/\$1/\$2\" && $http_request >&3 && cat <&3" http "$@"
  else
    timeout 5 sh -c "{ $http_request; sleep 4; } | nc \"\$1\" \"\$2\"" http "$@"
  fi 2>/dev/null | head -c 1048576
}

http() { # service port path status body
  [ -z "$check_failed" ] || return 0
  for container in $(containers_of "$1"); do
    http_address=$(engine inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' "$container" | cut -d ' ' -f 1)
    # On the host's own network there is no address of its own.
    http_answer=$(http_get "${http_address:-127.0.0.1}" "$2" "$3" | tr -d '\r' | whole)
    http_answer=${http_answer%x}
    http_status=$(printf '%s' "$http_answer" | sed -n '1s#^HTTP/[0-9.]* \([0-9]*\).*#\1#p')
    http_body=${http_answer#*"$nl$nl"}
    if [ "$http_status" != "$4" ]; then
      check_failed="$1|http $3 answered ${http_status:-nothing} instead of $4|$container"
      return 0
    fi
    case $http_body in
    *"$5"*) ;;
    *)
      check_failed="$1|http $3 does not contain the expected text|$container"
      return 0
      ;;
    esac
  done
}

command_in() { # service word…
  [ -z "$check_failed" ] || return 0
  command_service=$1
  shift
  for container in $(containers_of "$command_service"); do
    command_said=$({
      engine exec "$container" "$@" 2>&1
      printf '\n%s' $?
    } | tail -c 4096)
    command_status=${command_said##*"$nl"}
    [ "$command_status" = 0 ] || {
      check_failed="$command_service|command $1 exited with status $command_status$(printf '%s' "${command_said%"$nl"*}" | tail -n 1 | tr -d '|' | sed 's/^\(.\{0,200\}\).*/: \1/')|$container"
      return 0
    }
  done
}

file_in() { # service path text
  [ -z "$check_failed" ] || return 0
  for container in $(containers_of "$1"); do
    file_text=$(engine cp -L "$container:$2" - 2>/dev/null | tar -xOf - 2>/dev/null | whole)
    case ${file_text%x} in
    *"$3"*) ;;
    *)
      check_failed="$1|file $2 does not contain the expected text|$container"
      return 0
      ;;
    esac
  done
}
