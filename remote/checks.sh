# The checks of `x-everfresh.verify`. A release's file `checks` is a list of calls: of `http`, `command_in` and `file_in` below, of
# `drain` (rollout.sh), of `before` and `after` (commands.sh), and of `live`, `check_files` and `reload` (live.sh). Each acts only when
# its kind of call is asked for.

# Makes the calls of kind $2 (`check` for the first three, otherwise the name) of release $1. Fails if the file was changed on this
# host: the shell would exit on one that ends in the middle of a word.
run_calls() {
  is_as_staged "$1" checks || return 1
  calls=$2
  # shellcheck disable=SC1090 # written by core/host/payload.ts
  . "./releases/$1/checks"
}

# Every container of the service must pass. Containers that a failed deployment did not touch are not checked again.

# Runs release $1's checks. Sets `broken_check` to "service|problem|container" for the first that fails, if any.
run_checks() {
  broken_check=''
  run_calls "$1" check || broken_check="|its checks were changed on this host|"
  [ -z "$broken_check" ]
}

# Whether check "$2" of service $1 is made: every check until one fails, or for `verify` only the one with number `check_only`, if its
# service runs as it should (checks are made in containers of the release only).
is_wanted_check() {
  [ "$calls$broken_check" = check ] || return 1
  [ -n "$check_only" ] || return 0
  check_number=$((check_number + 1))
  [ "$check_number" = "$check_only" ] || return 1
  check_service=$1 check_what=$2
  [ -z "$verify_service" ] || [ "$1" = "$verify_service" ] || return 1
  broken_check=$(flaw_of "$1")
  [ -z "$broken_check" ]
}

# verify: prints the facts of `probe`, and after them the result of each check of the current release, or of service `verify_service`:
#   check|service|what|problem, nothing if it passes|container
verify() {
  probe
  engine_limit=30
  release=$(current_release)
  [ "$PWD" = "$folder" ] && [ -n "$release" ] || return 0
  is_as_staged "$release" services checks ||
    refuse 1 "$folder/releases/$release: was changed on this host, so its checks are not made; run \`pulumi up\`"
  observe || refuse_engine
  know_images "$release"
  finished=$(proved_one_shots "$release")
  proof=$(verdicts "$release") check_only=0
  while check_only=$((check_only + 1)) check_number=0 check_service='' broken_check=''; do
    run_calls "$release" check
    [ -n "$check_service" ] || return 0
    [ -z "$verify_service" ] || [ "$check_service" = "$verify_service" ] || continue
    check_rest=${broken_check#*|}
    printf 'check|%s|%s|%s|%s\n' "$check_service" "$(as_field "$check_what")" "$(as_field "${check_rest%|*}")" "${check_rest##*|}"
  done
}

# What is wrong with service $1, other than its checks: service|problem|container.
flaw_of() {
  printf '%s\n' "$proof" | awk -F '|' -v wanted="$1" '$1 != "good" && $2 == wanted { print $2 "|" $3 "|" $4; exit }'
}

# $1 as one field of a line of facts.
as_field() { printf '%s' "$1" | tr '|\n' '??'; }

checked_containers() {
  printf '%s\n' "$proof" | awk -F '|' -v wanted="$1" "$tables"'
    END { for (i = 1; i <= good_count; i++) if (good_service[i] == wanted && good_untouched[i] == "") print good_container[i] }'
}

# Appends an end mark to stdin, so that $( ) does not strip trailing newlines.
with_end_mark() { cat && printf x; }

# Prints the raw answer to a GET, at most 1 MiB in 5 seconds. With HTTP/1.0 the answer is not chunked and the connection is closed
# after it. Uses bash or nc, because not every host has curl or wget.
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
  is_wanted_check "$1" "http $3" || return 0
  for container in $(checked_containers "$1"); do
    http_address=$(engine inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' "$container" |
      cut -d ' ' -f 1)
    # On the host's network a container has no address of its own.
    http_answer=$(http_get "${http_address:-127.0.0.1}" "$2" "$3" | tr -d '\r' | with_end_mark)
    http_answer=${http_answer%x}
    http_status=$(printf '%s' "$http_answer" | sed -n '1s#^HTTP/[0-9.]* \([0-9]*\).*#\1#p')
    http_body=${http_answer#*"$nl$nl"}
    if [ "$http_status" != "$4" ]; then
      broken_check="$1|http $3 answered ${http_status:-nothing} instead of $4|$container"
      return 0
    fi
    case $http_body in
    *"$5"*) ;;
    *)
      broken_check="$1|http $3 does not contain the expected text|$container"
      return 0
      ;;
    esac
  done
}

command_in() { # service word…
  is_wanted_check "$1" "command $2" || return 0
  command_service=$1
  shift
  for container in $(checked_containers "$command_service"); do
    command_output=$({
      engine exec "$container" "$@" 2>&1
      printf '\n%s' $?
    } | tail -c 4096)
    command_status=${command_output##*"$nl"}
    [ "$command_status" = 0 ] || {
      command_last_line=$(printf '%s' "${command_output%"$nl"*}" | tail -n 1 | tr -d '|' | sed 's/^\(.\{0,200\}\).*/: \1/')
      broken_check="$command_service|command $1 exited with status $command_status$command_last_line|$container"
      return 0
    }
  done
}

file_in() { # service path text
  is_wanted_check "$1" "file $2" || return 0
  for container in $(checked_containers "$1"); do
    file_text=$(engine cp -L "$container:$2" - 2>/dev/null | tar -xOf - 2>/dev/null | with_end_mark)
    case ${file_text%x} in
    *"$3"*) ;;
    *)
      broken_check="$1|file $2 does not contain the expected text|$container"
      return 0
      ;;
    esac
  done
}
