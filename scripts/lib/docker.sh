# shellcheck shell=sh
# Installs and starts the Docker engine, compose v2 and buildx, as far as they are missing.
: "${state:?is set by scripts/setup}"

set_up_docker() {
  engine_installed=
  command -v docker >/dev/null || install_engine
  set_up_engine
  has_compose || install_plugins
  has_buildx || install_plugins
  has_compose || fail "docker: compose v2 is still missing; install the plugin (https://docs.docker.com/compose/install/)"
  has_buildx || fail "docker: buildx is still missing; install the plugin (https://docs.docker.com/go/buildx/)"
}

engine_answers() {
  within 20 docker version --format '{{.Server.Version}}' >/dev/null 2>"$state/docker.err"
}

has_compose() {
  at_least "$(docker compose version --short 2>/dev/null || echo 0)" 2.0
}

has_buildx() {
  docker buildx version >/dev/null 2>&1
}

install_engine() {
  case $(system_release) in
    debian\ 1[2-9]* | debian\ testing | ubuntu\ *) ;;
    *) fail "docker: not installed, and set-up can install it on Debian 12 or newer and Ubuntu only; install Docker with compose v2 and buildx (https://docs.docker.com/engine/install/)" ;;
  esac
  say "docker: installing the engine (package docker.io)"
  apt_install docker docker.io iptables ca-certificates
  # The client is a separate package since Debian 13.
  command -v docker >/dev/null || apt_install docker docker-cli
  engine_installed=yes
}

set_up_engine() {
  engine_answers && return 0
  if grep -q 'permission denied' "$state/docker.err"; then
    [ "$engine_installed" ] ||
      fail "docker: you have no access to its engine; run \`sudo usermod -aG docker $(id -un)\`, log in again, and run this again"
    admit_user
    return 0
  fi
  elsewhere=${DOCKER_HOST:-$(within 5 docker context show 2>/dev/null || :)}
  [ "${elsewhere:-default}" = default ] ||
    fail "docker: the engine at $elsewhere does not answer; start it, or choose another (\`docker context use default\`, unset DOCKER_HOST)"
  [ "$(uname -s)" = Linux ] || fail "docker: its engine does not answer; start Docker and run this again"
  if command -v dockerd >/dev/null; then
    start_engine
  else
    install_engine
    engine_answers || start_engine
  fi
  ! grep -q 'permission denied' "$state/docker.err" || admit_user
}

start_engine() {
  running=$(pidof dockerd || :)
  [ "$running" = "" ] || [ "$engine_installed" ] ||
    fail "docker: its engine runs (process $running) but does not answer; look at its log, and restart it"
  say "docker: starting the engine"
  if [ -d /run/systemd/system ]; then
    as_root "starting Docker" systemctl start docker
  else
    # Not the init script, because it raises limits, which a container may not do. Descriptor 9 is the set-up's lock, which
    # the daemon must not keep.
    as_root "starting Docker" sh -c 'setsid dockerd >>/var/log/dockerd.log 2>&1 </dev/null 9>&- &'
  fi
  until_it_does 60 engine_answers_or_refuses ||
    fail "docker: the engine did not come up within 60 s; the last line of its log: $(tail -n 1 /var/log/dockerd.log 2>/dev/null || :)"
}

engine_answers_or_refuses() {
  engine_answers || grep -q 'permission denied' "$state/docker.err"
}

# Gives the user access after an installation: by the group for good and, because that counts only from the next login, by
# an ACL on the socket for now.
admit_user() {
  user=$(id -un)
  say "docker: giving $user access to the engine (group docker)"
  as_root "giving you access to Docker" usermod -aG docker "$user"
  command -v setfacl >/dev/null || apt_install docker acl
  as_root "giving you access to Docker" setfacl -m "u:$user:rw" /var/run/docker.sock
  engine_answers || fail "docker: $user still has no access to its engine; log in again, and run this again"
}

# Installs compose v2 and buildx from the same source as the engine.
install_plugins() {
  say "docker: installing compose v2 and buildx"
  if dpkg -s docker-ce >/dev/null 2>&1; then
    apt_install docker docker-compose-plugin docker-buildx-plugin
    return
  fi
  case $(system_release) in
    debian\ 12*)
      add_trixie
      apt_install docker -t trixie docker-compose docker-buildx
      ;;
    debian\ 1[3-9]* | debian\ testing) apt_install docker docker-compose docker-buildx ;;
    ubuntu\ *) apt_install docker docker-compose-v2 docker-buildx ;;
    *) fail "docker: compose v2 or buildx is missing; install the plugins (https://docs.docker.com/compose/install/)" ;;
  esac
}

# Debian 12 has neither, so these two, and nothing else, come from Debian 13.
add_trixie() {
  [ ! -e /etc/apt/sources.list.d/everfresh-trixie.sources ] || return 0
  as_root docker tee /etc/apt/preferences.d/everfresh-trixie >/dev/null <<END
Package: *
Pin: release n=trixie
Pin-Priority: 100
END
  as_root docker tee /etc/apt/sources.list.d/everfresh-trixie.sources >/dev/null <<END
Types: deb
URIs: $(debian_mirror)
Suites: trixie
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
  apt_sources_changed
}
