#!/usr/bin/env bash
# Build the images, start them, try what compose.yaml and README.md promise, take all of it down.
# Needs root and a Docker engine, but no image from anywhere: the base is made here by debootstrap.
#   COAGG_BASE        start from this image instead of making one
#   COAGG_MIRROR      Debian mirror for debootstrap
#   COAGG_BASE_FILES  files of this host to lay into the base (a proxy's certificates, a pip.conf)
#   COAGG_PORT        loopback port of PostGIS (default 55433)
#   COAGG_TILES_PORT  loopback port of maps over http (default 58081)
#   COAGG_KEEP_IMAGES when set, the images stay, so that the next build is quick
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export COAGG_TAG=try COMPOSE_PROJECT_NAME=coagg-try
export COAGG_PORT=${COAGG_PORT:-55433} COAGG_TILES_PORT=${COAGG_TILES_PORT:-58081}
export COAGG_SURVEYS=surveys COAGG_TZ=UTC COAGG_INPUTS=/data/economy/inputs.toml
unset COAGG_SCHEDULE COAGG_READER_PASSWORD_FILE
IMAGES=(coagg-postgis coagg coagg-tiles)

say() { printf '\n== %s s: %s\n' "$SECONDS" "$*"; }
die() { printf 'try.sh: %s\n' "$*" >&2; exit 1; }

docker version >/dev/null 2>&1 || die "no Docker engine answers: start one (dockerd), as root"
if docker compose version >/dev/null 2>&1; then
  program=(docker compose)
elif command -v docker-compose >/dev/null; then
  program=(docker-compose)
else
  die "no compose: install the docker compose plugin, or docker-compose (Debian)"
fi
compose() { "${program[@]}" -f docker/compose.yaml "$@"; }
coagg() { compose run --rm -T coagg "$@"; }
container() { # of a service, also when it has ended
  docker ps -aq --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" \
    --filter "label=com.docker.compose.service=$1" --filter "label=com.docker.compose.oneoff=False"
}

# psql from the application's container, or from that of the tiles; -w: no password is asked for
query() { compose run --rm -T --no-deps "${@:3}" --entrypoint psql coagg -wAtqc "$2" "$1 dbname=coagg"; }
tiles_query() { compose exec -T tiles psql -wAtqc "$2" "$1 dbname=coagg"; }
count() { query "host=/run/coagg user=coagg" "SELECT count(*) FROM $1"; }
refused() { # ASK CONNECTION STATEMENT ...: the server itself must have said no
  local answer
  answer=$("$@" 2>&1) && die "was allowed: '$3' as $2"
  answer=$(grep -oE '(FATAL|ERROR|fe_sendauth): .*' <<<"$answer") || die "no answer to '$3' as $2"
  printf "refused: '%s' as %s (%s)\n" "$3" "$2" "${answer##*: }"
}

# http over loopback by the shell alone: METHOD PATH -> status, headers, body
http() {
  exec 3<>"/dev/tcp/127.0.0.1/$COAGG_TILES_PORT"
  printf '%s %s HTTP/1.0\r\nHost: localhost\r\nOrigin: http://elsewhere.example\r\n\r\n' "$1" "$2" >&3
  tr -d '\0' <&3
  exec 3>&-
}
answers() { # STATUS METHOD PATH [PATTERN of the body]
  local answer
  answer=$(http "$2" "$3")
  [[ $answer == "HTTP/1.1 $1 "* ]] || die "$2 $3: ${answer%%$'\r'*}, and not $1"
  [ -z "${4:-}" ] || grep -qaE -- "$4" <<<"$answer" || die "$2 $3 has no $4 in its answer"
  printf '%s %s: %s, %s bytes\n' "$2" "$3" "$1" "${#answer}"
}

health() { docker inspect -f '{{.State.Health.Status}}' "$(container "$1")"; }
wait_until_healthy() { # SERVICE ...
  local service
  for service in "$@"; do
    for _ in $(seq 90); do
      [ "$(health "$service")" != healthy ] || break
      sleep 1
    done
    [ "$(health "$service")" = healthy ] ||
      die "$service is not healthy: $(docker logs --tail 5 "$(container "$service")" 2>&1)"
    printf '%s: healthy\n' "$service"
  done
}
up() {
  compose up --detach >"$work/up.log" 2>&1 || { cat "$work/up.log"; die "up failed"; }
  local application
  application=$(container coagg)
  [ "$(docker wait "$application")" = 0 ] || { docker logs "$application"; die "coagg db upgrade failed"; }
  wait_until_healthy postgis scheduler tiles
}

# the files laid into the base are part of its name: other files, another base
base_name() { printf 'coagg-base:bookworm-%s' "$( (cat /dev/null "$@" && echo "$@") | sha256sum | cut -c1-12)"; }
make_base() {
  local root=$work/base file
  command -v debootstrap >/dev/null || die "debootstrap is missing (apt-get install debootstrap)"
  debootstrap --variant=minbase bookworm "$root" ${COAGG_MIRROR:+"$COAGG_MIRROR"} >"$work/debootstrap.log" ||
    die "debootstrap: $(tail -n 1 "$work/debootstrap.log")"
  rm -f "$root"/var/cache/apt/archives/*.deb
  for file in "$@"; do cp --parents "$file" "$root"; done
  tar -C "$root" -c . | docker import - "$COAGG_BASE" >/dev/null
  rm -rf "$root"
}

work=$(mktemp -d)
clean() {
  compose down --volumes --remove-orphans >/dev/null 2>&1 || true
  [ -n "${COAGG_KEEP_IMAGES:-}" ] || docker image rm "${IMAGES[@]/%/:try}" >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap clean EXIT

if [ -z "${COAGG_BASE:-}" ]; then
  read -ra files <<<"${COAGG_BASE_FILES:-}"
  COAGG_BASE=$(base_name ${files[@]+"${files[@]}"})
  export COAGG_BASE
  docker image inspect "$COAGG_BASE" >/dev/null 2>&1 ||
    { say "making $COAGG_BASE"; make_base ${files[@]+"${files[@]}"}; }
fi

say "build"
compose build >"$work/build.log" 2>&1 || {
  tail -n 30 "$work/build.log"
  grep -q 'install-packages: ERROR' "$work/build.log" && die "the build failed at a certificate: the ERROR above says what helps"
  die "the build failed"
}
docker image ls --format '{{.Repository}}:{{.Tag}} {{.Size}}' | grep -E '^coagg(-postgis|-tiles)?:try'
for image in "${IMAGES[@]}"; do
  number=$(docker run --rm --network none --entrypoint id "$image:try" -u)
  [ "$number" != 0 ] || die "$image runs as root"
  printf '%s runs as user %s\n' "$image" "$number"
done

say "up, from nothing"
up
docker logs "$(container coagg)"
for service in postgis scheduler tiles coagg; do
  [ "$(docker inspect -f '{{.HostConfig.ReadonlyRootfs}}' "$(container $service)")" = true ] ||
    die "the root of $service can be written"
done
for place in "postgis 5432 $COAGG_PORT" "tiles 8080 $COAGG_TILES_PORT"; do
  read -r service inner outer <<<"$place"
  [ "$(docker port "$(container "$service")" "$inner")" = "127.0.0.1:$outer" ] ||
    die "the port of $service is not on loopback only"
done
[ -z "$(docker port "$(container scheduler)")" ] || die "the scheduler has a port"
printf 'roots are read-only, ports are on loopback\n'

say "the application"
coagg db status
coagg db upgrade
coagg demo

say "the scheduler, once"
coagg simulate --out /data/economy
COAGG_SCHEDULE=$(date -u -d '+70 seconds' +%H:%M) compose up --detach scheduler >/dev/null 2>&1
for _ in $(seq 360); do
  docker logs "$(container scheduler)" 2>&1 | grep -q 'ended with exit code' && break
  sleep 5
done
compose logs --no-color scheduler
docker logs "$(container scheduler)" 2>&1 | grep -q 'ended with exit code 0' || die "the rebuild did not end well"

say "maps over http"
answers 200 GET /collections '"publish.cell_map"'
answers 200 GET '/collections/publish.cell_map/items?limit=3' '"numberReturned":3.*"geometry":\{"type":"MultiPolygon"'
answers 200 GET '/collections/publish.pair_map/items?limit=3' '"numberReturned":3.*"geometry":\{"type":"LineString"'
answers 200 GET /collections/publish.agglomeration_map/tiles/WebMercatorQuad/0/0/0 agglomeration_name
answers 404 GET /collections/publish.firm_map/items
answers 404 GET /collections/clean.firm/items
answers 404 GET /collections/reference.prefecture/items
answers 422 GET '/collections/publish.cell_map/items?limit=1000000'
answers 405 POST /collections/publish.cell_map/items
answers 405 DELETE /collections/publish.cell_map/items
! http GET /collections | grep -qai '^access-control-allow-origin' || die "pages of other sites may read"
tiles="host=/run/coagg user=coagg_tiles"
refused tiles_query "$tiles" "SELECT firm_name FROM clean.firm"
refused tiles_query "$tiles" "SELECT * FROM publish.firm_map"
refused tiles_query "$tiles" "SELECT * FROM reference.prefecture"
refused tiles_query "$tiles" "SELECT * FROM panel.industry_cell"
refused tiles_query "$tiles" "CREATE TABLE public.mine (n int)"
refused tiles_query "$tiles" "SELECT pg_read_file('/etc/passwd')"
refused tiles_query "host=/run/coagg user=coagg" "SELECT 1"
refused tiles_query "host=postgis user=coagg_tiles" "SELECT 1"

say "who may come in"
password=$(compose exec -T postgis cat /var/lib/coagg/reader_password)
reader="host=postgis user=coagg_reader"
with=(-e "PGPASSWORD=$password" -e "PGOPTIONS=-c default_transaction_read_only=off")
query "$reader" "SELECT 'the reader reads: ' || count(*) FROM publish.cell" "${with[@]}"
refused query "$reader" "DELETE FROM reference.prefecture" "${with[@]}"
refused query "$reader" "DELETE FROM publish.cell" "${with[@]}"
refused query "$reader" "SELECT firm_name FROM clean.firm" "${with[@]}"
refused query "$reader" "SELECT * FROM publish.firm_map" "${with[@]}"
refused query "$reader" "SELECT * FROM panel.industry_cell" "${with[@]}"
refused query "$reader" "CREATE TEMP TABLE mine (n int)" "${with[@]}"
refused query "$reader" "SELECT lo_creat(-1)" "${with[@]}"
refused query "$reader" "SELECT 1"
refused query "$reader" "SELECT 1" -e PGPASSWORD=coagg_reader
refused query "host=postgis user=coagg" "SELECT 1" -e PGPASSWORD="$password"
refused query "host=postgis user=postgres" "SELECT 1" -e PGPASSWORD="$password"
refused query "host=/run/coagg user=postgres" "SELECT 1"
refused query "host=/run/coagg user=coagg_tiles" "SELECT 1"

say "the server is killed: it comes back by itself, with its data"
before=$(count publish.cell)
started() { docker inspect -f '{{.State.StartedAt}}' "$(container postgis)"; }
begun=$(started)
kill -9 "$(docker inspect -f '{{.State.Pid}}' "$(container postgis)")"
for _ in $(seq 60); do [ "$(started)" = "$begun" ] || break; sleep 0.5; done
[ "$(started)" != "$begun" ] || die "postgis was not started again"
wait_until_healthy postgis tiles
[ "$(count publish.cell)" = "$before" ] || die "data are lost"
answers 200 GET '/collections/publish.cell_map/items?limit=1' '"numberReturned":1'
printf '%s cells, before and after\n' "$before"

say "down and up, with a password of one's own: the data are still there"
mkdir -m 755 "$work/secret"
printf 'own-%s\n' "$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')" >"$work/secret/reader"
chmod 644 "$work/secret/reader"
export COAGG_READER_PASSWORD_FILE=$work/secret/reader
compose down >/dev/null 2>&1
[ -z "$(container postgis)" ] || die "down left the server"
up
[ "$(count publish.cell)" = "$before" ] || die "data are lost"
refused query "$reader" "SELECT 1" -e PGPASSWORD="$password"
query "$reader" "SELECT 'the reader comes in by the new one: ' || count(*) FROM publish.cell" -e PGPASSWORD="$(cat "$work/secret/reader")"
printf '%s cells, before and after\n' "$before"

say "backup and restore"
coagg backup /backup/all.dump
coagg restore /backup/all.dump --database coagg_again
again=$(compose run --rm -T --no-deps --entrypoint psql coagg -wAtqc "SELECT count(*) FROM publish.cell" "host=/run/coagg user=coagg dbname=coagg_again")
[ "$again" = "$before" ] || die "the restored data base has $again cells and not $before"
printf '%s cells in both\n' "$again"

say "all well"
