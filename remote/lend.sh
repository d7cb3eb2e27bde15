# A registry that the deployer lends this host: its address and login are here as long as the deployer is connected. They may differ
# each time, so they are no part of the deployment's request.

# The file is this stack's: somebody else who deploys at the same time has another.
lent_file() { printf '.lent-%s' "$(printf '%s' "$lineage" | sha256sum | cut -c 1-16)"; }

# lend: puts the registry there, says so, and takes it away when the connection ends.
lend() {
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
