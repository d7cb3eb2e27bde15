# This program passes facts around as tables: one item per line, columns separated by `|`, the key first. This file names the columns
# of every table that more than one function reads; a function that reads lines of its own kind says what they are. To query tables,
# mark the lines of each with its name (`mark`) and pipe them to an awk program that begins with `$tables`, which reads them into one
# array per column, indexed by the key, such as `state[id]`.

# Adds a column to the table `container`: its name, and the template that docker fills in. Templates write untrusted text with
# `urlquery` (see `inspected`), and use `index` for fields that docker may leave out.
container_columns='' container_template=''
container_column() {
  container_columns="$container_columns $1"
  container_template=$container_template${container_template:+|}$2
}

# Prints the template for one of compose's labels on a container; empty if it has none.
label_template() { printf '{{with index .Config.Labels "com.docker.compose.%s"}}{{urlquery .}}{{end}}' "$1"; }

container_column id '{{.Id}}'
container_column image_id '{{.Image}}'
container_column state '{{.State.Status}}'
container_column health '{{with index .State "Health"}}{{.Status}}{{end}}'
container_column exit_status '{{.State.ExitCode}}'
container_column restarts '{{.RestartCount}}'
container_column started_at '{{.State.StartedAt}}'
container_column config_hash "$(label_template config-hash)"
container_column container_name '{{urlquery .Name}}'
# The image from which compose believes it created the container.
container_column labelled_image "$(label_template image)"
container_column mounts '{{range .Mounts}}{{urlquery .Source}} {{end}}'
container_column service "$(label_template service)"
container_column folder "$(label_template project.working_dir)"
# Such as 80/tcp/8080/127.0.0.1
# shellcheck disable=SC2016 # the template's own variables
container_column ports '{{range $port, $bindings := index .HostConfig "PortBindings"}}{{range $bindings}}'\
'{{urlquery $port}}/{{urlquery .HostPort}}/{{urlquery .HostIp}} {{end}}{{end}}'
# Fixed ones only.
container_column addresses '{{range .NetworkSettings.Networks}}{{with index . "IPAMConfig"}}'\
'{{with index . "IPv4Address"}}{{urlquery .}} {{end}}{{with index . "IPv6Address"}}{{urlquery .}} {{end}}{{end}}{{end}}'

# Adds a table's rule to `tables`. $1 its mark, $2 the prefix of its arrays' names, the rest its columns, the key first. An array
# named after the mark lists the keys, such as `containers[1]` to `containers[container_count]`.
tables=''
table() {
  table_rule="\$1 == \"$1\" && \$2 != \"\" { ${1}s[++${1}_count] = \$2; ${1}_line[\$2] = substr(\$0, length(\$1) + 2)"
  table_prefix=$2 table_field=2
  shift 3
  for table_column; do
    table_field=$((table_field + 1))
    table_rule="$table_rule; $table_prefix${table_column}[\$2] = \$$table_field"
  done
  tables="$tables$table_rule }
"
}

# shellcheck disable=SC2086 # one word per column
{
  # Containers now, before this deployment changed any, and (while the previous release is put back) when it started.
  table container '' $container_columns
  table before before_ $container_columns
  table at_start at_start_ $container_columns
}

# Services of a release, dependencies first, as core/host/payload.ts writes them. `layers`: such as `sha256:…=bytes`;
# `files`: fingerprints; `restart_with`: services to restart with it; `lifetime`: `lasts` if it must keep running, `ends` if
# others wait for its end; `needs`: what it waits for, such as `db=healthy`; `claims`: what only one container can have, such
# as `port/tcp/80/` (core/release/requirements.ts); `rollout`: `start-first` if new containers start beside the old ones, with
# `unobserved` if nobody need connect to them.
table service '' name image digest replicas layers files restart_with lifetime needs claims rollout

# shellcheck disable=SC2016 # awk's own
tables=$tables'
# id|every name and digest that the engine has for it, the requested one first|architecture|bytes
$1 == "image" && $2 != "" {
  known_names[$2] = known_names[$2] " " $3 " "
  split($3, table_names, " ")
  for (table_at in table_names) image_id_of[table_names[table_at]] = $2
  image_name[++image_count] = table_names[1]
  architecture[image_count] = $4
}
# service|compose'\''s hash of its configuration in the release
$1 == "hash" { release_hash[$2] = $3 }
# What ran when the current release was proved (see `runs_now`): image id|configuration hash|`running` or `exited`|service
$1 == "proved" {
  proved_state[++proved_count] = $4
  proved_service[proved_count] = $5
  if ($3 != "") was_proved[$5 "|" $3] = 1
}
# One-shots that succeeded, and those of them that need not run again for the release: the same columns.
$1 == "ended" { ended[$5] = $2 "|" $3 }
$1 == "finished" && $2 != "" {
  finished[$5] = 1
  finished_service[++finished_count] = $5
  finished_line[finished_count] = substr($0, length($1) + 2)
}
# Plain lists.
$1 == "off_limits" { off_limits[$2] = 1 }
$1 == "starting" { starting[$2] = 1 }
$1 == "pending" { pending[$2] = 1 }
$1 == "restarting" { restarting[$2] = 1 }
$1 == "applied" { applied[$2] = 1 }
$1 == "rolling" { rolling[$2] = 1 }
$1 == "ready" { ready[$2] = 1 }
# Verdicts on services (see `verdicts`).
$1 == "good" {
  good_service[++good_count] = $2
  good_container[good_count] = $3
  good_digest[good_count] = $4
  good_started_at[good_count] = $5
  good_health[good_count] = $6
  good_untouched[good_count] = $7
}
$1 == "wait" || $1 == "fail" {
  flaw_verdict[++flaw_count] = $1
  flaw_service[flaw_count] = $2
  flaw[flaw_count] = $3
  flaw_container[flaw_count] = $4
}
'

# Prefixes each line of stdin with the name of its table.
mark() { sed "s/^/$1|/"; }

# Prints the project's containers, marked: before any was changed, now, and those that are off limits.
observations() {
  printf '%s\n' "$observed_before" | mark before
  printf '%s\n' "$observed" | mark container
  printf '%s\n' "$off_limits" | mark off_limits
}

# Prints everything needed to judge release $1, marked.
situation() {
  services "$1" | mark service
  printf '%s\n' "$release_hashes" | sed -n 's/^\([^ ]*\) /hash|\1|/p'
  printf '%s\n' "$finished" | mark finished
  printf '%s\n' "$observed_images" "$release_images" | sort -u | mark image
  [ -z "$putting_back" ] || printf '%s\n' "$observed_at_start" | mark at_start
  observations
}

# Prints the keys of a table's lines.
ids_of() { printf '%s\n' "$1" | cut -d '|' -f 1; }

# Prints the container ids in lines `service|id|…`, such as those of `runs_of`, from stdin.
ids_in_runs() { cut -d '|' -f 2; }
