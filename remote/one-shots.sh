# One-shots run once, and again only when they change. The file `finished` records those that have finished, one per line, as
# `runs_now` prints them.

# One-shots of release $1 that have done their work and need not run again. When a release is put back, none of its one-shots runs
# again, because they have already run.
finished_one_shots() { # $1 release
  if [ -n "$putting_back" ]; then
    proved_one_shots "$1"
    return
  fi
  { recorded_one_shots | mark ended; situation "$1"; } | awk -F '|' "$tables"'
    END {
      # An interrupted deployment may have left one that has ended.
      for (i = 1; i <= container_count; i++) {
        id = containers[i]; name = service[id]
        if (state[id] == "exited" && exit_status[id] == 0 && lifetime[name] == "ends" && config_hash[id] == release_hash[name])
          ended[name] = image_id[id] "|" config_hash[id]
      }
      for (name in ended)
        if (name in image && lifetime[name] != "lasts" && ended[name] == image_id_of[image[name]] "|" release_hash[name])
          print ended[name] "|exited|" name
    }'
}

# The last run of each one-shot that succeeded, even if its container is gone. Without a record, takes them from the last proof.
recorded_one_shots() {
  if [ -f finished ]; then cat finished; else proved_one_shots "$previous"; fi
}

# Records which one-shots of release $1 have finished. If a one-shot has a container, that decides; otherwise its record stays.
record_one_shots() { # $1 release
  {
    recorded_one_shots | mark ended
    printf '%s\n' "$applied" | mark applied
    situation "$1"
  } | awk -F '|' "$tables"'
    END {
      for (i = 1; i <= container_count; i++) {
        id = containers[i]; name = service[id]
        there[name] = 1
        now = image_id[id] "|" release_hash[name]
        # If a one-shot shares the network of another container, its own hash depends on the id of that container. So one that this
        # deployment applied, or that is recorded, also counts.
        is_of_release = image_id[id] == image_id_of[image[name]] && \
          (config_hash[id] == release_hash[name] || applied[name] || ended[name] == now)
        # A container of another deployment, which this one did not reach, says nothing about this release: the record stays.
        if (!is_of_release) { if (applied[name]) unfinished[name] = 1; continue }
        # A container that could not be started has not run.
        if (state[id] == "created") continue
        if (state[id] != "exited" || exit_status[id] != 0 || lifetime[name] == "lasts") unfinished[name] = 1
        ended[name] = now
      }
      for (name in ended) if (!(name in there) || !unfinished[name]) print ended[name] "|exited|" name
    }' |
    sort | replace_file finished
}

# What ran when release $1 was proved, as `runs_now` prints it; nothing if the release does not exist.
proved_runs() { contents "releases/$1/proved" | sed -n 's/^runs //p'; }

# The one-shots among them that had ended.
proved_one_shots() { proved_runs "$1" | grep '|exited|'; }
