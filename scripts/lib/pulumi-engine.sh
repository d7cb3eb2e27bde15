# shellcheck shell=sh
# Builds the Pulumi CLI, which contains the engine, from the modules pinned in lab/pulumi/engine/go.mod and go.sum.
: "${root:?is set by scripts/setup}" "${state:?is set by scripts/setup}" "${other_ways:?is set by pulumi.sh}"

engine=$root/lab/pulumi/engine
engine_module=github.com/pulumi/pulumi/pkg/v3

# Prints e.g. 3.274.1.
engine_version() {
  awk -v module="$engine_module" '$1 == module { print substr($2, 2); exit }' "$engine/go.mod"
}

# Prints e.g. pulumi-3.274.1-linux-amd64-1413184821. The last part is a checksum of all pinned modules.
engine_name() {
  printf 'pulumi-%s-%s-%s\n' "$(engine_version)" "$(platform amd64)" "$(cat "$engine/go.mod" "$engine/go.sum" | cksum | cut -d ' ' -f 1)"
}

# Prints the folder for the built engine: in the user's cache, which all checkouts share, or in the checkout if there is none.
engine_store() {
  cache=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
  store=$cache/everfresh/$(engine_name)
  if [ "$cache" ] && { is_there "$store/pulumi" || mkdir -p "$store" 2>/dev/null; }; then
    printf '%s\n' "$store"
  else
    printf '%s/engine/%s\n' "$state" "$(engine_name)"
  fi
}

# Builds the engine into the folder $1. Go's caches are in a subfolder, which is removed when the build is done: until then, an
# interrupted build can be resumed.
build_engine() {
  mkdir -p "$1"
  lock_engine "$1"
  [ ! -x "$1/pulumi" ] || return 0
  need_disk 5000 "$1"
  workshop=$1/build
  mkdir -p "$workshop"
  choose_go
  say "pulumi: downloading the engine's modules (Go module proxy)"
  (enter_workshop && within 30 go list -m "$engine_module@v$(engine_version)") >/dev/null 2>"$workshop/proxy.log" ||
    fail "pulumi: the Go module proxy does not answer ($(last_words "$workshop/proxy.log")); check \`go env GOPROXY\` and the network, or $other_ways"
  modules=$(grep -vc '/go.mod ' "$engine/go.sum")
  watched 60 "$modules modules" "$modules" "$workshop/download.log" go list -mod=readonly -deps "$engine_module/cmd/pulumi" ||
    fail "pulumi: the engine's modules cannot be downloaded ($(last_words "$workshop/download.log")); run this again to resume, or $other_ways"
  packages=$(awk '!/^go: / { n++ } END { print n ? n : 1 }' "$workshop/download.log")
  say "pulumi: compiling the engine (some minutes)"
  version=github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v$(engine_version)
  watched 0 "$packages packages" "$packages" "$workshop/compile.log" go build -v -mod=readonly -trimpath -buildvcs=false \
    -ldflags "-s -w -X $version" -o "$workshop/pulumi" "$engine_module/cmd/pulumi" ||
    fail "pulumi: the engine cannot be built ($(last_words "$workshop/compile.log")); the whole output is in $workshop/compile.log"
  mv "$workshop/pulumi" "$1/pulumi"
  chmod -R u+w "$workshop" # Go's module cache is read-only
  rm -rf "$workshop"
}

# Only one checkout builds it at a time.
lock_engine() {
  command -v flock >/dev/null || return 0
  exec 8>"$1/lock"
  flock -n 8 && return 0
  say "pulumi: waiting for another set-up that is building the engine"
  flock 8
}

# To be called in a subshell that runs go. Go's caches are those of the build, not the user's.
enter_workshop() {
  cd "$engine" || exit
  unset GOOS GOARCH
  GOPATH=$workshop GOMODCACHE=$workshop/modules GOCACHE=$workshop/compiled GOWORK=off CGO_ENABLED=0
  export GOPATH GOMODCACHE GOCACHE GOWORK CGO_ENABLED
}

# Fails unless Go can build the engine, or is new enough (1.21, https://go.dev/doc/toolchain) to fetch a Go that can.
choose_go() {
  wanted=$(awk '$1 == "go" { print $2; exit }' "$engine/go.mod")
  command -v go >/dev/null || fail "go: is not on PATH, and is needed to build the Pulumi engine; $(ways_to_go)"
  have=$(cd / && GOTOOLCHAIN=local go version | sed 's/^go version go\([^ ]*\).*/\1/')
  at_least "$have" "$wanted" && return 0
  at_least "$have" 1.21 || fail "go: $have is too old, and the Pulumi engine needs $wanted; $(ways_to_go)"
  [ "${GOTOOLCHAIN:-auto}" != local ] ||
    fail "go: $have is too old, the Pulumi engine needs $wanted, and GOTOOLCHAIN=local forbids fetching it; unset GOTOOLCHAIN and run this again, or $(ways_to_go)"
  GOTOOLCHAIN=${GOTOOLCHAIN:-go$wanted}
  export GOTOOLCHAIN
  say "pulumi: fetching Go $wanted to build the engine (installed: $have)"
  (enter_workshop && within 300 go version) >/dev/null 2>"$workshop/go.log" ||
    fail "go: $have is too old, and Go $wanted, which the Pulumi engine needs, cannot be fetched ($(last_words "$workshop/go.log")); $(ways_to_go)"
}

ways_to_go() {
  case $(system_release) in
    debian\ 1[3-9]* | debian\ testing | ubuntu\ 2[4-9]*) package=golang-go ;;
    debian\ 12*) package="-t trixie golang-go" ;; # set-up has added Debian 13 as a source for compose
    *) package= ;;
  esac
  if [ "$package" ]; then
    printf "run \`apt-get install %s\`, and set-up fetches Go %s itself" "$package" "$wanted"
  else
    printf 'install Go %s or newer (https://go.dev/dl/)' "$wanted"
  fi
  printf ', or %s\n' "$other_ways"
}

# Runs a command of the build and writes its output to the file $4. Says for each tenth of $3 lines that it is done; $2 names
# the whole. Gives up if nothing was written for $1 seconds; 0 for never.
watched() {
  patience=$1 what=$2 total=$3 log=$4
  shift 4
  : >"$log" # counted below, perhaps before the job has opened it
  (enter_workshop && exec "$@") >"$log" 2>&1 &
  job=$!
  # A background job of a script ignores Ctrl-C.
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
      printf 'no data for %s s\n' "$patience" >>"$log"
      break
    }
  done
  trap - INT TERM HUP
  wait "$job"
}

last_words() {
  tail -n 1 "$1" | tr -d '\n'
}
