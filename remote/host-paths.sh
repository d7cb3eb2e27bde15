# Files and folders of this host that containers mount, below `mounts/` in the project's folder. What is in them is the
# containers': it is never sent, changed or pruned, and is removed only by a teardown that removes volumes too.
#
# `host_paths`, one per line: `folder` or `file`|`made` if it is made where it is missing|service|path|path in the container

# Problems with what release $release mounts of this host.
check_host_paths() {
  while IFS='|' read -r at_kind at_made at_service at_path at_target; do
    [ -n "$at_kind" ] || continue
    at_where="services.$at_service.volumes ($at_target)"
    if [ -e "$at_path" ]; then
      if [ "$at_kind" = file ]; then [ ! -d "$at_path" ]; else [ -d "$at_path" ]; fi ||
        problem "$at_where: $folder/$at_path is no $at_kind; move it away"
    elif at_before=$(mounted_before "$at_service" "$at_target") && [ "$at_before" = "$folder/$at_path" ]; then
      : # in a folder into which this user may not look
    elif [ -n "$at_before" ]; then
      # Nobody wants a database to begin anew because its data lie elsewhere.
      problem "$at_where: the container that runs has $at_before there, and $folder/$at_path does not exist; name $at_before in the compose file to go on with it, or create $folder/$at_path with what is to be in it"
    elif [ "$at_made" != made ]; then
      problem "$at_where: $folder/$at_path does not exist; create it, or ship it with \`x-everfresh.mounts\`"
    fi
  done <<EOF
$host_paths
EOF
}

# The host's path or volume that a container of service $1 has at path $2, if it has one.
mounted_before() {
  # shellcheck disable=SC2046 # one word per id
  set -- "$2" $(present_of "$1" | cut -d '|' -f 1)
  [ $# -gt 1 ] || return 0
  before_target=$1
  shift
  engine inspect --type container --format '{{range .Mounts}}{{.Destination}}|{{if eq .Type "volume"}}volume {{.Name}}{{else}}{{.Source}}{{end}}{{"\n"}}{{end}}' "$@" 2>/dev/null |
    while IFS='|' read -r before_at before_source; do
      [ "$before_at" != "$before_target" ] || { printf '%s' "$before_source"; break; }
    done
}

# Makes the files that are missing, readable to this user and to containers' root alone; docker would make folders of them.
# Folders are docker's to make, as for plain compose.
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
