# Things that only root may do with the files of containers. Anybody who can use docker is root (docs/security.md). The tools are
# the host's own, mounted into a container, because an image may have none.

# Runs one of this host's commands as root in a container that sees folder $1 at /tree and nothing else of the project. $1 folder,
# the rest the command.
as_root() {
  root_folder=$(cd "$1" && pwd -P) && root_tool=$(command -v "$2") && root_image=$(image_for_tools) || return 1
  shift 2
  with_tools 120 --cap-add CHOWN --cap-add DAC_OVERRIDE --cap-add FOWNER -v "$root_folder:/tree" \
    --entrypoint "$root_tool" "$root_image" "$@" >/dev/null 2>&1
}

# Prints an image of a kept release that docker has: a container needs one, even if it runs only the host's own tools.
image_for_tools() {
  for tools_image in $(images_named_in releases/*/services); do
    has_image "$tools_image" && echo "$tools_image" && return
  done
  return 1
}

# Runs `docker run` for at most $1 seconds, with this host's tools in the container, and no more rights than the options give. $1
# seconds, the rest docker's options, the image and its arguments. Keeps out libraries that the image would preload. Without
# compose's label, which an image may bring along, it is no container of a project.
with_tools() {
  tools_limit=$1
  shift
  # Debian's awk is a link into /etc/alternatives.
  for tools_folder in /usr /bin /lib /lib64 /etc/alternatives; do
    [ ! -d "$tools_folder" ] || set -- -v "$tools_folder:$tools_folder:ro" "$@"
  done
  docker_within "$tools_limit" run --rm --pull never --network none --user 0:0 --cap-drop ALL --security-opt label=disable \
    --label com.docker.compose.project= -e LD_PRELOAD= -e LD_LIBRARY_PATH= -v /dev/null:/etc/ld.so.preload:ro "$@"
}

# Removes folder $1 with everything in it, including files that containers wrote as other users.
remove_tree() {
  rm -rf "$1" && return
  as_root "$1" find /tree -mindepth 1 -delete
  rm -rf "$1"
}

# Copies configs and secrets with their own owner or mode from store/<fp>/<name>, which this user can read and compare, to
# store/.owned/<fp>/<name>, which containers mount.
#
# `owned`, one per line: fingerprint|uid|gid|mode in octal digits|name
own_files() {
  while IFS='|' read -r own_tree own_uid own_gid own_mode own_name; do
    [ -n "$own_tree" ] || continue
    own_size=$(wc -c <"store/$own_tree/$own_name") || return 1
    own_copy=store/.owned/$own_tree/$own_name
    own_right=$(find "$own_copy" -type f -user "$own_uid" -group "$own_gid" -perm "$own_mode" -size "$((own_size))c" 2>/dev/null)
    [ -z "$own_right" ] || continue
    # Containers that mount it have seen the wrong copy.
    [ ! -e "$own_copy" ] || note_replaced "$own_tree" || return 1
    (umask 022 && mkdir -p "store/.owned/$own_tree") &&
      as_root store install -o "$own_uid" -g "$own_gid" -m "$own_mode" \
        "/tree/$own_tree/$own_name" "/tree/.owned/$own_tree/$own_name" || return 1
  done <<EOF
$owned
EOF
}
