#!/usr/bin/env bash
# Tool: redis-server 7.0.15 (Debian 12, /usr/bin).
#
# Behaviour: with `appendonly yes` the server reads only its append-only folder. When
# that folder is missing, it starts empty beside a whole dump.rdb, without a word
# in the log. Its next save writes the empty set over dump.rdb.
#
# Guess: the server loads dump.rdb when there is nothing else.
#
# Why it matters: "put dump.rdb back and start" is the restore that most notes
# describe. On a server with AOF it loses the data and then the backup's copy too.
# A restore starts with AOF off, loads, then switches AOF on while running.
#
# Exit: 0 as described, 1 the behaviour changed, 2 the tool could not be had.
set -euo pipefail
export LC_ALL=C

work=$(mktemp -d)
server=
cleanup() {
	if [ -n "$server" ]; then
		kill -KILL "$server" 2>/dev/null || true
		wait "$server" 2>/dev/null || true
	fi
	rm -rf "$work"
}
trap cleanup EXIT

changed() { printf 'CHANGED: %s\n' "$*" >&2; exit 1; }

redis-server --version 2>/dev/null | grep -qF 'v=7.0.15' || { echo 'needs redis-server 7.0.15' >&2; exit 2; }

start() {
	redis-server --port 0 --unixsocket "$work/socket" --dir "$work/data" --save '' \
		--logfile "$work/log" "$@" &
	server=$!
	for _ in $(seq 100); do
		[ "$(ask ping 2>/dev/null)" = PONG ] && return
		sleep 0.1
	done
	cat "$work/log" >&2
	exit 2
}
ask() { redis-cli -s "$work/socket" "$@"; }
stop() {
	ask shutdown "$1" >/dev/null 2>&1 || true
	wait "$server" || true
	server=
}

mkdir "$work/data"
start --appendonly no
ask mset session:1 a session:2 b >/dev/null
ask save >/dev/null
stop nosave
cp "$work/data/dump.rdb" "$work/backup.rdb"
echo "dump.rdb of 2 keys is in place"

start --appendonly yes
with_aof=$(ask dbsize)
echo "started with appendonly yes: $with_aof keys"
if grep -i 'dump.rdb' "$work/log"; then changed 'the log speaks of dump.rdb'; fi
stop save
cmp -s "$work/data/dump.rdb" "$work/backup.rdb" && changed 'dump.rdb survives a save'
rm -r "$work/data/appendonlydir"
start --appendonly no
after_save=$(ask dbsize)
echo "dump.rdb after the next save: $after_save keys"
stop nosave

cp "$work/backup.rdb" "$work/data/dump.rdb"
start --appendonly no
ask config set appendonly yes >/dev/null
right=$(ask dbsize)
echo "loaded first, appendonly switched on afterwards: $right keys"

[ "$with_aof" = 0 ] || changed "it loads $with_aof keys"
[ "$after_save" = 0 ] || changed "dump.rdb keeps $after_save keys"
[ "$right" = 2 ] || changed "the right order gives $right keys"
echo 'as described'
