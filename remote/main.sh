# Last of all parts.
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
  # See `say`.
  exec 3>&2 2>/dev/null
  # A reader that is gone must not end a deployment half-way; being told to stop puts back.
  interrupted=''
  trap '' HUP PIPE
  trap 'interrupted=1' INT TERM
  [ "${1-}" != receive ] || exec 4<&0
  exec </dev/null
  present='' strangers='' present_images='' before='' proof='' previous='' take_over='' lineage='' host='' release='' kept=''
  reason='' evidence='' failed_service='' failed_check='' check_failed='' serves='' pulled=0 missing=0 engine_limit=30 looked='' told_changes='' putting_back='' finished='' applied='' left_alone=''
  release_images='' release_hashes='' images_missing='' apart='' receive_bytes=0 host_paths='' owned=''
  request
  case ${1-} in
  deploy | report | probe | teardown | history | logs | unlock | doctor | lacks | receive) "$1" ;;
  *) refuse 2 "everfresh: unknown verb ${1-}" ;;
  esac
  exit
}
main "$@"
