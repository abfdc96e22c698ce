#!/usr/bin/env bash
# Tools: restic 0.14.0 and borg 1.2.4 (Debian 12).
#
# Behaviour: restic applies each rule to all snapshots, so one snapshot may serve
# several rules. In borg an archive that one rule keeps counts for no later rule.
# borg also keeps the oldest archive for a rule that lacks periods.
#
# Guess: "last 2, daily 3" keeps the same backups in both tools.
#
# Why it matters: the same policy reaches back further in borg than in restic.
# A customer who is moved from borg to restic loses days that the old policy
# kept. A preview of the deletions must come before the first run.
#
# Exit: 0 as described, 1 the behaviour changed, 2 the tools could not be had.
set -euo pipefail
export LC_ALL=C TZ=UTC

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

changed() { printf 'CHANGED: %s\n' "$*" >&2; exit 1; }
get() { apt-get download -q "$@" || { apt-get update -q && apt-get download -q "$@"; }; }

if ! get restic=0.14.0-1+b5 borgbackup=1.2.4-1 python3-msgpack \
	python3-packaging python3-pkg-resources >apt.log 2>&1; then
	cat apt.log >&2
	exit 2
fi
for deb in *.deb; do dpkg-deb -x "$deb" root; done
export PATH="$work/root/usr/bin:$PATH" HOME="$work/home"
export PYTHONPATH="$work/root/usr/lib/python3/dist-packages"
export RESTIC_REPOSITORY="$work/restic" RESTIC_PASSWORD=example
export BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
mkdir home site
echo page >site/page

# Two backups a day, 25 to 29 November: 10 in all.
restic init -q
borg init -e none borg
for day in 25 26 27 28 29; do
	for hour in 06 18; do
		restic backup -q --time "2026-11-$day $hour:00:00" site
		borg create --timestamp "2026-11-${day}T$hour:00:00" "borg::$day-$hour" site
	done
done

restic_keeps() {
	restic forget --dry-run --group-by '' --json "$@" | python3 -c '
import json, sys
kept = json.load(sys.stdin)[0]["keep"]
print(" ".join(sorted(s["time"][8:13].replace("T", "-") for s in kept)))'
}
borg_keeps() {
	borg prune --dry-run --list "$@" borg 2>&1 |
		sed -nE 's/^Keeping archive .* ([0-9]{2}-[0-9]{2}) .*/\1/p' | sort | paste -sd' '
}

restic_short=$(restic_keeps --keep-last 2 --keep-daily 3)
borg_short=$(borg_keeps --keep-last 2 --keep-daily 3)
restic_long=$(restic_keeps --keep-daily 4 --keep-monthly 2)
borg_long=$(borg_keeps --keep-daily 4 --keep-monthly 2)

echo 'last 2, daily 3 keeps (day-hour):'
echo "  restic: $restic_short"
echo "  borg:   $borg_short"
echo 'daily 4, monthly 2 keeps:'
echo "  restic: $restic_long"
echo "  borg:   $borg_long"

[ "$restic_short" = '27-18 28-18 29-06 29-18' ] || changed 'restic, last and daily'
[ "$borg_short" = '26-18 27-18 28-18 29-06 29-18' ] || changed 'borg, last and daily'
[ "$restic_long" = '26-18 27-18 28-18 29-18' ] || changed 'restic, daily and monthly'
[ "$borg_long" = '25-06 26-18 27-18 28-18 29-18' ] || changed 'borg, daily and monthly'
echo 'as described'
