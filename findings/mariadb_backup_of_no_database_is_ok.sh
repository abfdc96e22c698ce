#!/usr/bin/env bash
# Tool: mariadb-backup 10.11.19 against mariadbd 10.11.19 (Debian 12).
#
# Behaviour: `--databases=shop_old` for a schema that does not exist ends with 0 and
# "completed OK!". So does a list in which one name of two is wrong. The
# target then holds the system's files and no table of the missing one.
#
# Guess: a named database that is not there is an error, as with mariadb-dump.
#
# Why it matters: a renamed schema, or a typing error, gives green backups of nothing
# for months. mariadb-dump ends with 2 in this case, so a change of the tool
# takes a check away. A backup must be compared with the list of what was ordered.
#
# Exit: 0 as described, 1 the behaviour changed, 2 the tool could not be had.
set -euo pipefail
export LC_ALL=C

work=$(mktemp -d)
server=
cleanup() {
	if [ -n "$server" ]; then
		kill "$server" 2>/dev/null || true
		wait "$server" 2>/dev/null || true
	fi
	rm -rf "$work"
}
trap cleanup EXIT
cd "$work"

changed() { printf 'CHANGED: %s\n' "$*" >&2; exit 1; }
get() { apt-get download -q "$@" || { apt-get update -q && apt-get download -q "$@"; }; }

mariadbd --version 2>/dev/null | grep -qF '10.11.19' || { echo 'needs mariadbd 10.11.19' >&2; exit 2; }
if ! get mariadb-backup=1:10.11.19-0+deb12u1 >apt.log 2>&1; then
	cat apt.log >&2
	exit 2
fi
dpkg-deb -x mariadb-backup_*.deb root
export PATH="$work/root/usr/bin:$PATH"

me=$(id -un)
mariadb-install-db --no-defaults --user="$me" --datadir="$work/data" \
	--auth-root-authentication-method=normal >install.log 2>&1 || exit 2
mariadbd --no-defaults --user="$me" --datadir="$work/data" --skip-networking \
	--socket="$work/socket" >server.log 2>&1 &
server=$!
client=(--no-defaults -S "$work/socket" -u root)
for _ in $(seq 100); do
	mariadb-admin "${client[@]}" ping >/dev/null 2>&1 && break
	sleep 0.1
done
mariadb "${client[@]}" -e 'CREATE DATABASE shop; CREATE TABLE shop.orders (id INT PRIMARY KEY)'

try() { # TARGET DATABASES
	local code=0
	mariadb-backup --no-defaults --backup -S "$work/socket" --user=root \
		--databases="$2" --target-dir="$work/$1" >"$1.log" 2>&1 || code=$?
	seen="exit $code, $(tail -1 "$1.log" | grep -o 'completed OK!' || echo 'not OK'), folders: $(
		cd "$1" && find . -mindepth 1 -type d -printf '%P ')"
	echo "--databases='$2': $seen"
}
try right 'shop'
[ "$seen" = 'exit 0, completed OK!, folders: shop ' ] || changed 'the right name'
try wrong 'shop_old'
[ "$seen" = 'exit 0, completed OK!, folders: ' ] || changed 'a wrong name'
try both 'shop shop_old'
[ "$seen" = 'exit 0, completed OK!, folders: shop ' ] || changed 'a right name and a wrong one'
dump=0
mariadb-dump "${client[@]}" --databases shop_old >/dev/null 2>&1 || dump=$?
echo "mariadb-dump --databases shop_old: exit $dump"
[ "$dump" = 2 ] || changed "mariadb-dump ends with $dump"
echo 'as described'
