# What the processes in running containers see.
#
# Read from /proc/<pid>/root, by the host's own tools in a container that may do so: an image may have no tools, and `docker cp`
# shows something else than the process sees. It misses tmpfs mounts, and of a mounted file that was replaced on the host it shows the
# new one, while the process still has the old one (Docker 20.10, 26.1 and 28.5 alike).

# search: prints the facts of `probe`, and after them for each running container of service `search_service`, or of all, which files
# below `search_path` contain `search_text`:
#   found|container|count|file    at most 100 of them
#   searched|container|files that contain it|their counts' sum|files searched
#   missing|container             the path does not exist
#   large|container|KiB           nothing is searched: it is more than `search_limit` (KiB)
search() {
  probe
  engine_limit=30
  [ "$PWD" = "$folder" ] || return 0
  search_ids=$(container_ids --filter status=running ${search_service:+--filter "label=com.docker.compose.service=$search_service"} 2>/dev/null) ||
    refuse_engine
  [ -n "$search_ids" ] || return 0
  search_runs=$(runs_with_pids) && [ -n "$search_runs" ] || return 0
  search_image=$(image_for_tools) ||
    refuse 1 "$project: docker has no image of the release, which a search needs; run \`everfresh deploy\`"
  # shellcheck disable=SC2086 # one word per container
  search_answer=$(with_tools 120 --pid host --cap-add SYS_PTRACE --cap-add DAC_READ_SEARCH --security-opt apparmor=unconfined \
    -e "PATH=$PATH" --entrypoint "$(command -v sh)" "$search_image" -c "$search_program" search \
    "$search_text" "$search_swap" "$search_path" "$search_limit" $search_runs 2>&1) ||
    refuse 1 "docker: cannot look into the containers ($(printf '%s\n' "$search_answer" | tail -n 1 | cut -c 1-300)); check that \`docker run\` works on the host"
  # The process id of a container that ended may mean another process by now.
  search_ids=$(runs_with_pids | grep -xF -e "$search_runs" | cut -d : -f 2) && [ -n "$search_ids" ] || return 0
  printf '%s\n' "$search_answer" | grep -E '^(found|searched|missing|large)\|' | grep -F -e "$search_ids"
}

# The containers of `search_ids` that run, one per line: process id:container.
# shellcheck disable=SC2086 # one word per id; docker answers for the others even if one went away
runs_with_pids() { engine inspect --type container --format '{{.State.Pid}}:{{.Id}}' $search_ids 2>/dev/null | grep -v '^0:'; }

# Runs in the container with the tools, as root: text swap path limit pid:container...
#
# `swap` is empty, or the text has several lines, and instead of each line break this byte, as octal digits. Then the files' bytes are
# exchanged likewise, because grep knows no line breaks in a text. What is counted are lines, or else how often the text occurs.
#
# Links lead to where the process would find them, not to this container's own files.
# shellcheck disable=SC2016 # the inner shell's own variables; a unit test checks the text itself
search_program='
LC_ALL=C
export LC_ALL
text=$1 swap=$2 path=$3 limit=$4
shift 4

# Sets place: where path is for the process.
find_place() {
  place="" rest=$path links=0
  while [ -n "$rest" ]; do
    name=${rest%%/*}
    case $rest in
    */*) rest=${rest#*/} ;;
    *) rest="" ;;
    esac
    case $name in
    "" | .) ;;
    ..) place=${place%/*} ;;
    *)
      if [ -L "$root$place/$name" ]; then
        links=$((links + 1))
        [ "$links" -le 40 ] || return 1
        target=$(readlink "$root$place/$name" && echo x) || return 1
        target=${target%?x}
        case $target in
        /*) place="" ;;
        esac
        rest=$target/$rest
      else
        place=$place/$name
      fi
      ;;
    esac
  done
  [ -e "$root$place" ]
}

# Runs find on the regular files there, without those that the kernel makes up.
files() { find -H "$root$place" \( -path "$root/proc" -o -path "$root/sys" \) -prune -o -type f "$@" 2>/dev/null; }

# Prints file:count for each file.
counts() {
  if [ -z "$swap" ]; then
    files -exec grep -caF -e "$text" /dev/null {} +
  else
    files -print | while IFS= read -r file; do
      echo "$file:$(tr "\\n\\$swap\\000" "\\$swap\\000\\n" <"$file" | grep -oaF -e "$text" | wc -l)"
    done
  fi
}

for run; do
  root=/proc/${run%%:*}/root id=${run#*:}
  [ -d "$root/" ] || continue
  find_place || { echo "missing|$id"; continue; }
  size=$(files -exec ls -lnd {} + | awk "/^-/ { files++; bytes += \$5 } END { printf \"%d %d\", files, bytes / 1024 }") || exit 1
  [ "${size#* }" -le "$limit" ] || { echo "large|$id|${size#* }"; continue; }
  counts | root=$root id=$id all=${size% *} awk "
    BEGIN { root = ENVIRON[\"root\"]; id = ENVIRON[\"id\"] }
    index(\$0, root \"/\") == 1 && match(\$0, /:[0-9]+\$/) {
      count = substr(\$0, RSTART + 1) + 0
      if (count == 0) next
      sum += count
      if (++files <= 100) print \"found|\" id \"|\" count \"|\" substr(\$0, length(root) + 1, RSTART - length(root) - 1)
    }
    END { print \"searched|\" id \"|\" files + 0 \"|\" sum + 0 \"|\" ENVIRON[\"all\"] }"
done
'
