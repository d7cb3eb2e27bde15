# Files and folders of this host that containers mount, below `mounts/` in the project's folder. Their content belongs to the
# containers: it is never sent, changed or pruned, and only a teardown that also removes volumes removes it.
#
# `host_paths`, one per line: `folder` or `file`|`made` if it is to be created when missing|service|path|path in the container

# Reports problems with the host paths that the release mounts.
check_host_paths() {
  while IFS='|' read -r at_kind at_made at_service at_path at_target; do
    [ -n "$at_kind" ] || continue
    at_where="services.$at_service.volumes ($at_target)"
    if [ -e "$at_path" ]; then
      if [ "$at_kind" = file ]; then [ ! -d "$at_path" ]; else [ -d "$at_path" ]; fi ||
        problem "$at_where: $folder/$at_path is not a $at_kind; move it away"
    elif at_mounted=$(mounted_at "$at_target" "$at_service") && [ "$at_mounted" = "$folder/$at_path" ]; then
      : # it exists, in a folder that this user cannot search
    elif [ -n "$at_mounted" ]; then
      # A database must not start empty because its data is elsewhere.
      problem "$at_where: the running container has $at_mounted there, but $folder/$at_path does not exist; name $at_mounted in the compose file to keep using it, or create $folder/$at_path with the data it should hold"
    elif [ "$at_made" != made ]; then
      problem "$at_where: $folder/$at_path does not exist; create it, or ship it with \`x-everfresh.mounts\`"
    fi
  done <<EOF
$host_paths
EOF
}

# Prints the host's path or volume that a container of service $2 mounts at path $1, if any.
mounted_at() {
  mounted_target=$1
  # shellcheck disable=SC2046 # one word per id
  set -- $(ids_of "$(containers_of "$2")")
  [ $# -gt 0 ] || return 0
  mounted_template='{{.Destination}}|{{if eq .Type "volume"}}volume {{.Name}}{{else}}{{.Source}}{{end}}{{"\n"}}'
  engine inspect --type container --format "{{range .Mounts}}$mounted_template{{end}}" "$@" 2>/dev/null |
    while IFS='|' read -r mounted_path mounted_source; do
      [ "$mounted_path" != "$mounted_target" ] || { printf '%s' "$mounted_source"; break; }
    done
}

# Creates missing files, readable only by this user and by root in containers; docker would create folders instead. Missing
# folders are left to docker, as with plain compose.
make_host_files() {
  [ -n "$host_paths" ] || return 0
  mkdir -p mounts || return 1
  while IFS='|' read -r make_kind make_made _ make_path _; do
    [ "$make_kind|$make_made" = "file|made" ] && [ ! -e "$make_path" ] || continue
    (umask 022 && mkdir -p "${make_path%/*}") && : >"$make_path" || return 1
  done <<EOF
$host_paths
EOF
}
