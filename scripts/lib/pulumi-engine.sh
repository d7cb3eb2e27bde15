# shellcheck shell=sh
# The Pulumi CLI with its engine, built from Go's module proxy as lab/pulumi/engine/go.mod and go.sum pin it.
: "${root:?is set by scripts/setup}" "${state:?is set by scripts/setup}" "${other_ways:?is set by pulumi-official.sh}"

engine=$root/lab/pulumi/engine
engine_module=github.com/pulumi/pulumi/pkg/v3

# Prints e.g. 3.274.1.
engine_version() {
  awk -v module="$engine_module" '$1 == module { print substr($2, 2); exit }' "$engine/go.mod"
}

# Prints e.g. pulumi-3.274.1-linux-amd64-1413184821: the last part stands for all modules that it is built from.
engine_name() {
  printf 'pulumi-%s-%s-%s\n' "$(engine_version)" "$(platform amd64)" "$(cat "$engine/go.mod" "$engine/go.sum" | cksum | cut -d ' ' -f 1)"
}

# Prints the folder of the built engine, which this user's checkouts share where there is a place for that.
engine_store() {
  cache=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
  store=$cache/everfresh/$(engine_name)
  if [ "$cache" ] && { is_there "$store/pulumi" || mkdir -p "$store" 2>/dev/null; }; then
    printf '%s\n' "$store"
  else
    printf '%s/engine/%s\n' "$state" "$(engine_name)"
  fi
}

# Builds the engine into the folder $1. What Go downloads and compiles on the way lies beside it, and goes when it is done:
# after an interruption it is gone on with.
build_engine() {
  mkdir -p "$1"
  lock_engine "$1"
  [ ! -x "$1/pulumi" ] || return 0
  need_disk 5000 "$1"
  workshop=$1/build
  mkdir -p "$workshop"
  choose_go
  say "pulumi: downloading the engine's modules (Go's module proxy)"
  (enter_workshop && within 30 go list -m "$engine_module@v$(engine_version)") >/dev/null 2>"$workshop/proxy.log" ||
    fail "pulumi: Go's module proxy does not answer ($(last_words "$workshop/proxy.log")); check \`go env GOPROXY\` and the network, or $other_ways"
  modules=$(grep -vc '/go.mod ' "$engine/go.sum")
  watched 20 "$modules modules" "$modules" "$workshop/download.log" go list -deps "$engine_module/cmd/pulumi" ||
    fail "pulumi: the engine's modules cannot be downloaded ($(last_words "$workshop/download.log")); run this again to go on, or $other_ways"
  packages=$(grep -c -v '^go: ' "$workshop/download.log")
  say "pulumi: compiling the engine, which takes some minutes"
  version=github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v$(engine_version)
  watched 0 "$packages packages" "$packages" "$workshop/compile.log" go build -v -trimpath -buildvcs=false \
    -ldflags "-s -w -X $version" -o "$workshop/pulumi" "$engine_module/cmd/pulumi" ||
    fail "pulumi: the engine cannot be built ($(last_words "$workshop/compile.log")); all of it is in $workshop/compile.log"
  mv "$workshop/pulumi" "$1/pulumi"
  chmod -R u+w "$workshop" # Go's cache of modules is read-only
  rm -rf "$workshop"
}

# One build at a time, whichever checkout asks for it.
lock_engine() {
  command -v flock >/dev/null || return 0
  exec 8>"$1/lock"
  flock -n 8 && return 0
  say "pulumi: waiting for another set-up that builds the engine"
  flock 8
}

# Where and how go is run here, for a subshell: with caches of its own, that this machine's are left as they are.
enter_workshop() {
  cd "$engine" || exit
  unset GOOS GOARCH
  GOPATH=$workshop GOMODCACHE=$workshop/modules GOCACHE=$workshop/compiled GOWORK=off CGO_ENABLED=0
  export GOPATH GOMODCACHE GOCACHE GOWORK CGO_ENABLED
}

# Fails unless there is a Go that can build the engine, or one that can fetch such a Go from the module proxy.
choose_go() {
  wanted=$(awk '$1 == "go" { print $2; exit }' "$engine/go.mod")
  command -v go >/dev/null || fail "go: not on PATH, and the Pulumi engine is built with it; $(ways_to_go)"
  have=$(cd / && GOTOOLCHAIN=local go version | sed 's/^go version go\([^ ]*\).*/\1/')
  at_least "$have" "$wanted" && return 0
  # https://go.dev/doc/toolchain: since 1.21.
  at_least "$have" 1.21 || fail "go: $have is too old for the Pulumi engine, which wants $wanted; $(ways_to_go)"
  [ "${GOTOOLCHAIN:-auto}" != local ] ||
    fail "go: $have is too old for the Pulumi engine, which wants $wanted, and GOTOOLCHAIN=local keeps it from fetching that; unset GOTOOLCHAIN and run this again, or $(ways_to_go)"
  GOTOOLCHAIN=${GOTOOLCHAIN:-go$wanted}
  export GOTOOLCHAIN
  say "pulumi: fetching Go $wanted to build the engine with (here is $have)"
  (enter_workshop && within 300 go version) >/dev/null 2>"$workshop/go.log" ||
    fail "go: $have is too old for the Pulumi engine, and $wanted cannot be fetched ($(last_words "$workshop/go.log")); $(ways_to_go)"
}

ways_to_go() {
  case $(system_release) in
    debian\ 1[3-9]* | debian\ testing | ubuntu\ 2[4-9]*)
      printf "install Debian's (\`apt-get install golang-go\`), with which set-up fetches Go %s by itself" "$wanted"
      ;;
    *) printf 'install Go %s or newer (https://go.dev/dl/)' "$wanted" ;;
  esac
  printf ', or %s\n' "$other_ways"
}

# Runs a command in the workshop, whose output goes to the file $4, and says now and then how much of its $3 lines is there; $2 is what
# they are called. Ends it when for $1 seconds nothing has come into the workshop; 0 for never.
watched() {
  patience=$1 what=$2 total=$3 log=$4
  shift 4
  (enter_workshop && exec "$@") >"$log" 2>&1 &
  job=$!
  # The shell lets what runs in the background ignore Ctrl-C.
  trap 'kill "$job" 2>/dev/null || :; exit 130' INT TERM HUP
  tenths=0 idle=0 size=
  while kill -0 "$job" 2>/dev/null; do
    sleep 1
    now=$(($(wc -l <"$log") * 10 / total))
    if [ "$now" -gt "$tenths" ] && [ "$now" -le 10 ]; then
      tenths=$now
      say "pulumi: $((tenths * 10)) % of $what"
    fi
    [ "$patience" -gt 0 ] || continue
    was=$size size=$(du -sk "$workshop" 2>/dev/null)
    if [ "$size" = "$was" ]; then idle=$((idle + 1)); else idle=0; fi
    [ "$idle" -lt "$patience" ] || {
      kill "$job" 2>/dev/null || :
      wait "$job" 2>/dev/null || :
      printf 'nothing has come for %s s\n' "$patience" >>"$log"
      break
    }
  done
  trap - INT TERM HUP
  wait "$job"
}

last_words() {
  tail -n 1 "$1" | tr -d '\n'
}
