# A registry that the deployer lends this host: its address and login are here as long as the deployer is connected. They may differ
# each time, so they are no part of the deployment's request.

# The file is this stack's: somebody else who deploys at the same time has another.
lent_file() { printf '.lent-%s' "$(printf '%s' "$lineage" | sha256sum | cut -c 1-16)"; }

# lend: puts the registry there, says so, and takes it away when the connection ends.
lend() {
  ! is_open_to_others "$registry_address" ||
    refuse 1 "host: its sshd opens the port for images to other machines; set \`GatewayPorts no\` in its sshd_config, or use a registry (\`transport: registry\`)"
  make_folder
  lent=$(lent_file)
  printf '%s\n' "address $registry_address" "config $registry_config" "login $registry_login" | replace_file "$lent" ||
    refuse 1 "$folder: cannot be written; free some space"
  lent_inode=$(inode "$lent")
  echo lent
  cat <&4 >/dev/null 2>&1
  # The next deployment may have lent its own meanwhile.
  [ "$(inode "$lent")" != "$lent_inode" ] || rm -f "$lent"
}

# Whether a port of the loopback address, such as 127.0.0.1:41234, is also one of other addresses: with `GatewayPorts yes`, sshd
# listens on all of them, whatever it is asked for.
is_open_to_others() {
  case $1 in 127.0.0.1:*) ;; *) return 1 ;; esac
  sockets_of tcp | awk -v port="$(printf '%04X' "${1##*:}")" '
    $4 == "0A" { split($2, at, ":"); if (at[2] == port && at[1] != "0100007F") found = 1 }
    END { exit !found }'
}
