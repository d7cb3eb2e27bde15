# The last part of the program: sets up the shell and calls the verb.
main() {
  set -u
  umask 077
  LC_ALL=C
  PATH=$PATH:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
  export LC_ALL PATH
  unset COMPOSE_FILE COMPOSE_PROFILES COMPOSE_PROJECT_NAME COMPOSE_ENV_FILES COMPOSE_PATH_SEPARATOR COMPOSE_PARALLEL_LIMIT \
    COMPOSE_IGNORE_ORPHANS COMPOSE_REMOVE_ORPHANS COMPOSE_DISABLE_ENV_FILE DOCKER_DEFAULT_PLATFORM DOCKER_CONTENT_TRUST
  nl='
'
  tab=$(printf '\t')
  # The services of this host come before our own processes.
  renice -n 10 -p $$ >/dev/null 2>&1 || :
  # See `say`.
  exec 3>&2 2>/dev/null
  # A deployment must not stop half-way because its reader is gone. When told to stop, it puts back what ran before.
  interrupted=''
  trap '' HUP PIPE
  trap 'interrupted=1' INT TERM
  case ${1-} in receive | lend | follow) exec 4<&0 ;; esac
  exec </dev/null
  engine_limit=30
  # Values that a request may leave out.
  release='' kept='' take_over='' lineage='' host='' apart='' receive_bytes=0 host_paths='' owned=''
  # What has been observed of the project, and what is known about the release.
  previous='' observed='' observed_before='' observed_images='' observed_just_now='' unmanaged='' off_limits=''
  release_images='' release_hashes='' images_missing='' lent='' finished='' pulled=0 missing=0
  # The progress of the deployment, and why it failed.
  proof='' applied='' ready='' announced_changes='' putting_back=''
  reason='' evidence='' failed_service='' failed_check='' broken_check='' what_serves='' calls='' apply_fault='' files_checked=''
  check_only='' verify_service=''
  request
  case ${1-} in
  deploy | report | probe | teardown | history | logs | follow | search | verify | inside | unlock | doctor | lacks | receive | lend) "$1" ;;
  *) refuse 2 "everfresh: unknown verb ${1-}" ;;
  esac
  exit
}
main "$@"
