#!/usr/bin/env bash
# Tool: PostgreSQL 15 (Debian 12, /usr/lib/postgresql/15), pg_dump and pg_restore.
#
# Behaviour: `pg_restore -t orders` brings columns and rows. Primary key, default of
# the serial column and indexes stay away, exit 0. A name that is not in the
# archive ends with 0 as well. `pg_dump -t` takes key and default along.
#
# Guess: -t means the same to both programs, and an unknown table is an error.
#
# Why it matters: "give me this one table back" is a frequent wish. The table looks
# well, until the first INSERT without an id fails or an id comes twice. A restore
# of single tables has to pick their entries from the archive's list by itself.
#
# Exit: 0 as described, 1 the behaviour changed, 2 the tool could not be had.
set -euo pipefail
export LC_ALL=C

bin=/usr/lib/postgresql/15/bin
"$bin/postgres" --version 2>/dev/null | grep -q ' 15\.' || { echo 'needs PostgreSQL 15' >&2; exit 2; }

work=$(mktemp -d)
as_user=()
if [ "$(id -u)" = 0 ]; then # initdb refuses root
	chown nobody "$work"
	as_user=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
fi
cleanup() {
	"${as_user[@]}" "$bin/pg_ctl" -D "$work/data" -m immediate stop >/dev/null 2>&1 || true
	rm -rf "$work"
}
trap cleanup EXIT
cd "$work"

changed() { printf 'CHANGED: %s\n' "$*" >&2; exit 1; }

"${as_user[@]}" "$bin/initdb" -D "$work/data" -U owner -A trust >/dev/null || exit 2
"${as_user[@]}" "$bin/pg_ctl" -D "$work/data" -w -l "$work/data/log" start \
	-o "-c listen_addresses='' -c unix_socket_directories='$work' -c fsync=off" >/dev/null || exit 2
export PGHOST=$work PGUSER=owner PGDATABASE=shop
sql() { "$bin/psql" -XqAt -v ON_ERROR_STOP=1 "$@"; }

sql -d postgres -c 'CREATE DATABASE shop' -c 'CREATE DATABASE copy' -c 'CREATE DATABASE direct'
sql -c "CREATE TABLE orders (id serial PRIMARY KEY, item text);
	CREATE INDEX ON orders (item);
	INSERT INTO orders (item) VALUES ('tea'), ('jam')"
"$bin/pg_dump" -Fc -f shop.dump

describe() {
	sql -d "$1" -c "SELECT format('%s rows, %s indexes, default of id: %s',
		(SELECT count(*) FROM orders),
		(SELECT count(*) FROM pg_index WHERE indrelid = 'orders'::regclass),
		coalesce((SELECT column_default FROM information_schema.columns
			WHERE table_name = 'orders' AND column_name = 'id'), 'none'))"
}
code=0
"$bin/pg_restore" -d copy -t orders shop.dump || code=$?
by_restore="exit $code: $(describe copy)"
"$bin/pg_dump" -t orders | sql -d direct >/dev/null
by_dump=$(describe direct)
unknown=0
"$bin/pg_restore" -d copy -t no_such_table shop.dump || unknown=$?

echo "pg_restore -t orders: $by_restore"
echo "pg_dump -t orders:    $by_dump"
echo "pg_restore -t no_such_table: exit $unknown"
[ "$by_restore" = 'exit 0: 2 rows, 0 indexes, default of id: none' ] || changed 'pg_restore -t'
[ "$by_dump" = "2 rows, 2 indexes, default of id: nextval('orders_id_seq'::regclass)" ] || changed 'pg_dump -t'
[ "$unknown" = 0 ] || changed 'an unknown table is an error now'
echo 'as described'
