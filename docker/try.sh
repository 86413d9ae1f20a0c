#!/usr/bin/env bash
# Build both images, start them, run the demo in them, check what compose.yaml promises, take all of it down.
# Needs root and a Docker engine, but no image from anywhere: the base is made here by debootstrap.
#   COAGG_BASE        start from this image instead of making one
#   COAGG_MIRROR      Debian mirror for debootstrap
#   COAGG_BASE_FILES  files of this host to lay into the base (a proxy's certificates, a pip.conf)
#   COAGG_PORT        loopback port to publish on (default 55433)
#   COAGG_KEEP_IMAGES when set, both images stay, so that the next build is quick
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export COAGG_TAG=try COAGG_PORT=${COAGG_PORT:-55433} COMPOSE_PROJECT_NAME=coagg-try

say() { printf '\n== %s\n' "$*"; }
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
# psql from the application's container; -w: no password is asked for
query() { compose run --rm -T --no-deps "${@:3}" --entrypoint psql coagg -wAtqc "$2" "$1 dbname=coagg"; }
refused() { # the server itself must have said no
  local answer
  answer=$(query "$@" 2>&1) && die "was allowed: '$2' as $1"
  answer=$(grep -oE '(FATAL|ERROR|fe_sendauth): .*' <<<"$answer") || die "no answer to '$2' as $1"
  printf "refused: '%s' as %s (%s)\n" "$2" "$1" "${answer##*: }"
}
server() { compose ps -q postgis; }
wait_until_healthy() {
  for _ in $(seq 60); do
    [ "$(docker inspect -f '{{.State.Health.Status}}' "$(server)")" = healthy ] && return
    sleep 1
  done
  die "postgis is not healthy after a minute: $(docker logs --tail 3 "$(server)" 2>&1)"
}

make_base() {
  local root=$work/base file
  command -v debootstrap >/dev/null || die "debootstrap is missing (apt-get install debootstrap)"
  debootstrap --variant=minbase bookworm "$root" ${COAGG_MIRROR:+"$COAGG_MIRROR"} >"$work/debootstrap.log" ||
    die "debootstrap: $(tail -n 1 "$work/debootstrap.log")"
  rm -f "$root"/var/cache/apt/archives/*.deb
  for file in ${COAGG_BASE_FILES:-}; do cp --parents "$file" "$root"; done
  tar -C "$root" -c . | docker import - "$COAGG_BASE" >/dev/null
}

work=$(mktemp -d)
clean() {
  compose down --volumes --remove-orphans >/dev/null 2>&1 || true
  [ -n "${COAGG_KEEP_IMAGES:-}" ] || docker image rm coagg:try coagg-postgis:try >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap clean EXIT

if [ -z "${COAGG_BASE:-}" ]; then
  export COAGG_BASE=coagg-base:bookworm
  docker image inspect "$COAGG_BASE" >/dev/null 2>&1 || { say "making $COAGG_BASE"; make_base; }
fi

say "build"
compose build >"$work/build.log" 2>&1 || { tail -n 30 "$work/build.log"; die "the build failed"; }
docker image ls --format '{{.Repository}}:{{.Tag}} {{.Size}}' | grep -E '^coagg(-postgis)?:try'

say "up"
compose up --detach
wait_until_healthy
application=$(docker ps -aq --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" --filter "label=com.docker.compose.service=coagg")
[ "$(docker wait "$application")" = 0 ] || { docker logs "$application"; die "coagg db upgrade failed"; }
docker logs "$application"

say "the application"
coagg db status
coagg db upgrade
coagg demo

say "promises"
docker port "$(server)" 5432
[ "$(docker port "$(server)" 5432)" = "127.0.0.1:$COAGG_PORT" ] || die "the port is not on loopback only"
for image in coagg:try coagg-postgis:try; do
  number=$(docker run --rm --entrypoint id "$image" -u)
  [ "$number" != 0 ] || die "$image runs as root"
  printf '%s runs as user %s\n' "$image" "$number"
done
password=$(compose exec -T postgis cat /var/lib/coagg/reader_password)
reader="host=postgis user=coagg_reader"
query "$reader" "SELECT 'the reader reads: ' || count(*) FROM reference.prefecture" -e PGPASSWORD="$password"
refused "$reader" "DELETE FROM reference.prefecture" -e PGPASSWORD="$password" -e PGOPTIONS="-c default_transaction_read_only=off"
refused "$reader" "SELECT firm_name FROM clean.firm" -e PGPASSWORD="$password"
refused "$reader" "SELECT * FROM panel.industry_cell" -e PGPASSWORD="$password"
refused "$reader" "CREATE TEMP TABLE mine (n int)" -e PGPASSWORD="$password" -e PGOPTIONS="-c default_transaction_read_only=off"
refused "$reader" "SELECT lo_creat(-1)" -e PGPASSWORD="$password" -e PGOPTIONS="-c default_transaction_read_only=off"
refused "$reader" "SELECT 1"
refused "$reader" "SELECT 1" -e PGPASSWORD=coagg_reader
refused "host=postgis user=coagg" "SELECT 1" -e PGPASSWORD="$password"
refused "host=postgis user=postgres" "SELECT 1" -e PGPASSWORD="$password"
refused "host=/run/coagg user=postgres" "SELECT 1"

say "the server is killed: it comes back by itself, with its data"
before=$(query "host=/run/coagg user=coagg" "SELECT count(*) FROM reference.prefecture")
started() { docker inspect -f '{{.State.StartedAt}}' "$(server)"; }
begun=$(started)
kill -9 "$(docker inspect -f '{{.State.Pid}}' "$(server)")"
for _ in $(seq 60); do [ "$(started)" = "$begun" ] || break; sleep 0.5; done
[ "$(started)" != "$begun" ] || die "postgis was not started again"
wait_until_healthy
[ "$(query "host=/run/coagg user=coagg" "SELECT count(*) FROM reference.prefecture")" = "$before" ] || die "data are lost"
printf '%s prefectures, before and after\n' "$before"

say "all well"
