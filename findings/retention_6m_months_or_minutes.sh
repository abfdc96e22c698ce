#!/usr/bin/env bash
# Tools: restic 0.14.0, borg 1.2.4, duplicity 0.8.22, rdiff-backup 2.2.2 (Debian 12).
#
# Behaviour: "6m" means six months to restic and borg. It means six minutes to
# duplicity and rdiff-backup, where six months are "6M". No tool warns.
#
# Guess: the letters of an age are the same in all backup tools.
#
# Why it matters: an operator who moves a retention rule from one tool to another
# deletes nearly the whole history. An importer of foreign policies must translate
# by tool, and a product should spell its units out ("6 months").
#
# Exit: 0 as described, 1 the behaviour changed, 2 the tools could not be had.
set -euo pipefail
export LC_ALL=C TZ=UTC

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

changed() { printf 'CHANGED: %s\n' "$*" >&2; exit 1; }
get() { apt-get download -q "$@" || { apt-get update -q && apt-get download -q "$@"; }; }

if ! get restic=0.14.0-1+b5 borgbackup=1.2.4-1 \
	duplicity=0.8.22-1+b3 rdiff-backup=2.2.2-1 librsync2 libb2-1 python3-msgpack \
	python3-packaging python3-pkg-resources python3-setuptools python3-fasteners \
	python3-future python3-lockfile python3-yaml python3-monotonic >apt.log 2>&1; then
	cat apt.log >&2
	exit 2
fi
for deb in *.deb; do dpkg-deb -x "$deb" root; done
export PATH="$work/root/usr/bin:$PATH" HOME="$work/home"
export LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu"
export PYTHONPATH="$work/root/usr/lib/python3/dist-packages"
export RESTIC_REPOSITORY="$work/restic" RESTIC_PASSWORD=example
export BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
mkdir home site

# One backup eight months ago, one two months ago, one an hour ago.
restic init -q
borg init -e none borg
for seconds in $((240 * 86400)) $((60 * 86400)) 3600; do
	then=$(($(date +%s) - seconds))
	echo "$seconds" >site/page
	touch -d "@$then" site/page
	restic backup -q --time "$(date -d "@$then" '+%F %T')" site
	borg create --timestamp "$(date -d "@$then" '+%FT%T')" "borg::$seconds" site
	duplicity full --no-encryption --current-time "$then" site "file://$work/dup" >/dev/null
	rdiff-backup --api-version 201 --current-time "$then" backup site rdiff >/dev/null
done
cp -a rdiff rdiff-months

restic_drops=$(restic forget --dry-run --group-by '' --keep-within 6m --json |
	python3 -c 'import json, sys; print(len(json.load(sys.stdin)[0]["remove"]))')
borg_drops=$(borg prune --dry-run --list --keep-within 6m borg 2>&1 | grep -c '^Would prune')

# Without --force, duplicity lists what it would delete. It always keeps the newest.
dup_old() {
	duplicity remove-older-than "$1" "file://$work/dup" | grep -cE '^[A-Z][a-z]{2} [A-Z][a-z]{2} .* [0-9]{4}$'
}
dup_drops=$(dup_old 6m)
dup_drops_months=$(dup_old 6M)

rdiff_drops() {
	rdiff-backup --api-version 201 --force remove increments --older-than "$2" "$1" >/dev/null
	echo $((2 - $(find "$1/rdiff-backup-data" -maxdepth 1 -name 'increments.*.dir' | wc -l)))
}
rdiff_drops_minutes=$(rdiff_drops rdiff 6m)
rdiff_drops_months=$(rdiff_drops rdiff-months 6M)

printf '%-28s %s\n' 'what is deleted, of 2 old' '' \
	'restic --keep-within 6m' "$restic_drops" \
	'borg --keep-within 6m' "$borg_drops" \
	'duplicity 6m' "$dup_drops" \
	'duplicity 6M' "$dup_drops_months" \
	'rdiff-backup 6m' "$rdiff_drops_minutes" \
	'rdiff-backup 6M' "$rdiff_drops_months"

[ "$restic_drops" = 1 ] || changed "restic 6m drops $restic_drops"
[ "$borg_drops" = 1 ] || changed "borg 6m drops $borg_drops"
[ "$dup_drops" = 2 ] || changed "duplicity 6m drops $dup_drops"
[ "$dup_drops_months" = 1 ] || changed "duplicity 6M drops $dup_drops_months"
[ "$rdiff_drops_minutes" = 2 ] || changed "rdiff-backup 6m drops $rdiff_drops_minutes"
[ "$rdiff_drops_months" = 1 ] || changed "rdiff-backup 6M drops $rdiff_drops_months"
echo 'as described'
