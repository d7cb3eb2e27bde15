# The small verbs: they only read, except for unlock.

# The result of the deployment that was proved last.
report() {
  find_folder && cat current/result.json 2>/dev/null ||
    refuse 1 "$project: nothing is deployed here; run \`pulumi up\`"
}

history() {
  find_folder || return 0
  cat ledger.jsonl 2>/dev/null || :
}

logs() {
  find_folder || :
  logs_ids=$(container_ids ${logs_service:+--filter "label=com.docker.compose.service=$logs_service"} 2>/dev/null) || refuse_engine
  for id in $logs_ids; do
    logs_name=$(engine inspect --format '{{index .Config.Labels "com.docker.compose.service"}}' "$id")
    engine logs --timestamps --tail "$logs_tail" "$id" 2>&1 | sed "s/^/$logs_name | /"
  done
}

# Ends whoever holds the lock. The lock itself can never be left behind: the kernel frees it with its last holder.
unlock() {
  find_folder || refuse 1 "$project: nothing is deployed here; there is no lock"
  is_locked || {
    say "$project: not locked"
    return
  }
  say "ending the deployment of $(holder)"
  clock
  unlock_from=$ticks unlock_signal=''
  while is_locked; do
    clock
    # Told politely it puts back what ran before; that takes its time. After that there is no asking.
    if [ $((ticks - unlock_from)) -ge $((lock_wait * 100)) ]; then
      signal_holders KILL
    elif [ -z "$unlock_signal" ]; then
      unlock_signal=TERM
      signal_holders TERM
    fi
    [ $((ticks - unlock_from)) -lt $((lock_wait * 100 + 3000)) ] ||
      refuse 1 "$project: the lock's holder cannot be ended; restart the host's docker, or the host"
    nap
  done
  say "unlocked; the next deployment repairs what is unfinished"
}

# The host's side of `everfresh doctor`: what the preflight would say, in one go.
doctor() {
  make_folder
  mkdir -p .run
  ask_compose
  check_tools
  check_engine
  check_disk
  flush . || problem "$folder: cannot be written to the disk; check its file system"
  command -v bash >/dev/null 2>&1 || command -v nc >/dev/null 2>&1 ||
    problem "host: neither bash nor nc; install one if a service uses an http check"
  [ -z "$problems" ] || refuse 1 "${problems%"$nl"}"
  say "this host is ready"
}

# Signals the program that holds the lock; with KILL, and where it is dead already, all that it left running.
signal_holders() {
  holding_pid=$(field holder pid)
  if [ "$1" = TERM ] && [ "$(readlink "/proc/$holding_pid/fd/9" 2>/dev/null)" = "$folder/lock" ]; then
    kill -TERM "$holding_pid" 2>/dev/null || :
    return
  fi
  for holding in /proc/[0-9]*; do
    [ "$(readlink "$holding/fd/9" 2>/dev/null)" != "$folder/lock" ] || kill -s "$1" "${holding#/proc/}" 2>/dev/null || :
  done
}
