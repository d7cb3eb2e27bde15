# shellcheck shell=sh
# debian:trixie-slim, which the lab and the example build on. If it cannot be pulled, it is made from Debian's packages.
: "${state:?is set by scripts/setup}" "${lib:?is set by scripts/setup}"

base_image=debian:trixie-slim

set_up_base_image() {
  ! docker image inspect "$base_image" >/dev/null 2>&1 || return 0
  say "base image: pulling $base_image"
  within 600 docker pull --quiet "$base_image" >/dev/null 2>"$state/pull.err" || bootstrap_base_image
}

bootstrap_base_image() {
  why=$(tail -n 1 "$state/pull.err")
  has_apt || fail "base image: $base_image cannot be pulled ($why); fix this, or load the image (\`docker load\`)"
  say "base image: cannot be pulled ($why); making it from Debian's packages (debootstrap)"
  need_disk 1500 /var/tmp
  command -v debootstrap >/dev/null || apt_install "base image" debootstrap
  [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || apt_install "base image" debian-archive-keyring
  purpose="making the base image"
  folder=$(as_root "$purpose" mktemp -d /var/tmp/everfresh-base.XXXXXX)
  # debootstrap mounts /proc there. If it is interrupted, rm must not enter what is still mounted.
  trap 'as_root "$purpose" rm -rf --one-file-system "$folder"' EXIT
  as_root "$purpose" env PATH="$PATH" sh "$lib/make-base-image" "$folder" "$(debian_mirror)" >"$state/debootstrap.log" 2>&1 ||
    fail "base image: debootstrap failed; fix this and run it again: $(tail -n 1 "$state/debootstrap.log") (all of it is in $state/debootstrap.log)"
  as_root "$purpose" cat "$folder/root.tar" | docker import --change 'CMD ["bash"]' - "$base_image" >/dev/null ||
    fail "base image: docker import failed; see above"
  as_root "$purpose" rm -rf --one-file-system "$folder"
  trap - EXIT
}
