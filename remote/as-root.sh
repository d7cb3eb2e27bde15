# What only root may do with files of containers. Whoever may use docker is root (docs/security.md): a container runs this
# host's own tools, as an image may have none.

# Runs a command of this host as root in a container, with folder $1 at /tree and nothing else of the project's; the rest is
# the command. What the image has that would be loaded into it is kept out.
as_root() {
  root_folder=$(cd "$1" && pwd -P) && root_tool=$(command -v "$2") || return 1
  shift 2
  root_image=$(for root_named in $(contents releases/*/services | cut -d '|' -f 2 | sort -u); do
    images "$root_named" >/dev/null 2>&1 && echo "$root_named" && break
  done)
  [ -n "$root_image" ] || return 1
  set -- "$root_image" "$@"
  for root_system in /usr /bin /lib /lib64; do
    [ ! -d "$root_system" ] || set -- -v "$root_system:$root_system:ro" "$@"
  done
  docker_in 120 run --rm --pull never --network none --user 0:0 --cap-drop ALL --cap-add CHOWN --cap-add DAC_OVERRIDE \
    --cap-add FOWNER --security-opt label=disable -e LD_PRELOAD= -e LD_LIBRARY_PATH= -v /dev/null:/etc/ld.so.preload:ro \
    -v "$root_folder:/tree" --entrypoint "$root_tool" "$@" >/dev/null 2>&1
}

# Removes folder $1, also what containers have written there as other users.
remove_tree() {
  rm -rf "$1" && return
  as_root "$1" find /tree -mindepth 1 -delete
  rm -rf "$1"
}

# Makes the copies that containers mount of configs and secrets with an owner or a mode of their own: of
# store/<fp>/<name>, which this user can read and compare, store/.owned/<fp>/<name>.
#
# `owned`, one per line: fingerprint|uid|gid|mode in octal digits|name
own_files() {
  while IFS='|' read -r own_tree own_uid own_gid own_mode own_name; do
    [ -n "$own_tree" ] || continue
    own_copy=store/.owned/$own_tree own_size=$(wc -c <"store/$own_tree/$own_name") || return 1
    [ -z "$(find "$own_copy/$own_name" -type f -user "$own_uid" -group "$own_gid" -perm "$own_mode" -size "$((own_size))c" 2>/dev/null)" ] || continue
    # Containers that mount it have seen what it was.
    [ ! -e "$own_copy/$own_name" ] || { printf '%s\n' "$own_tree" >>replaced && flush replaced; } || return 1
    (umask 022 && mkdir -p "$own_copy") &&
      as_root store install -o "$own_uid" -g "$own_gid" -m "$own_mode" "/tree/$own_tree/$own_name" "/tree/.owned/$own_tree/$own_name" || return 1
  done <<EOF
$owned
EOF
}
