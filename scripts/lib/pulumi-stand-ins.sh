# shellcheck shell=sh
# Pulumi's engine, built from the Go module proxy, with the lab's stand-ins for the language host and the provider plugins
# (lab/pulumi). They share a PULUMI_HOME below .everfresh.
: "${root:?is set by scripts/setup}" "${state:?is set by scripts/setup}" "${lib:?is set by scripts/setup}"

# shellcheck source=scripts/lib/pulumi-engine.sh
. "$lib/pulumi-engine.sh"

set_up_stand_ins() {
  stand_ins_present || put_stand_ins_together
  use_stand_ins
}

# Prints their PULUMI_HOME.
stand_ins_home() {
  printf '%s/%s\n' "$state" "$(engine_name)"
}

stand_ins_present() {
  stand_ins=$(stand_ins_home)
  is_there "$stand_ins/bin/pulumi" && each_stand_in is_there
}

put_stand_ins_together() {
  stand_ins=$(stand_ins_home)
  store=$(engine_store)
  is_there "$store/pulumi" || build_engine "$store"
  rm -rf "$state"/pulumi-[0-9]*
  each_stand_in link
  # Not a symbolic link: the engine resolves it and looks for the language host there.
  ln "$store/pulumi" "$stand_ins/bin/pulumi" 2>/dev/null || cp "$store/pulumi" "$stand_ins/bin/pulumi"
}

# Calls a function for each stand-in, with the path where the engine looks for it and the target of a link there.
each_stand_in() {
  "$1" "$stand_ins/bin/pulumi-language-nodejs" ../../../lab/pulumi/bin/pulumi-language-nodejs || return 1
  for name in command docker random; do
    "$1" "$stand_ins/plugins/resource-$name-v$(package_version "$name")/pulumi-resource-$name" \
      "../../../../lab/pulumi/bin/pulumi-resource-$name" || return 1
  done
}

is_there() {
  [ -x "$1" ]
}

link() {
  mkdir -p "$(dirname "$1")"
  ln -s "$2" "$1"
}

use_stand_ins() {
  # The engine must not download plugins or take them from PATH: what the stand-ins do not have is an error.
  # shellcheck disable=SC2016 # for the launcher to fill in
  write_launcher "# The engine with the lab's stand-ins.
"'PULUMI_HOME=$(cd "$(dirname "$0")/../'"$(engine_name)"'" && pwd)
PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true PULUMI_IGNORE_AMBIENT_PLUGINS=true
export PULUMI_HOME PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION PULUMI_IGNORE_AMBIENT_PLUGINS
exec "$PULUMI_HOME/bin/pulumi" "$@"'
  remember_pulumi "engine $(engine_version) with the lab's stand-ins"
}
