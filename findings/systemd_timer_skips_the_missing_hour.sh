#!/usr/bin/env bash
# Tool: systemd 252 (Debian 12, /usr/bin/systemd-analyze).
#
# Behaviour: a timer for 02:30 local time does not run on the day when the clock goes
# from 2:00 to 3:00. A weekly one for Sunday is silent for two weeks. In autumn an
# hourly timer runs once, not twice, in the hour that comes twice.
#
# Guess: it runs at the next moment that exists, and hourly means each hour.
#
# Why it matters: nightly backups stand between two and three, weekly ones on Sunday,
# and the clock changes on Sunday. "One backup a day" fails once a year. A product
# that moves a timer to its own schedule must expect another number of runs.
#
# Exit: 0 as described, 1 the behaviour changed, 2 the tool could not be had.
set -euo pipefail
export LC_ALL=C TZ=Europe/Berlin

changed() { printf 'CHANGED: %s\n' "$*" >&2; exit 1; }

systemd-analyze --version 2>/dev/null | grep -q '^systemd 252 ' || { echo 'needs systemd 252' >&2; exit 2; }
[ -e "/usr/share/zoneinfo/$TZ" ] || { echo 'needs the zone files' >&2; exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

runs() { # CALENDAR FROM COUNT
	systemd-analyze calendar --iterations="$3" --base-time="$2" "$1" >"$work/out"
	sed -nE 's/.*\(in UTC\): [A-Za-z]+ [0-9]{4}-([0-9-]+) ([0-9:]{5}):00 UTC/\1 \2/p' "$work/out" | paste -sd,
}

daily=$(runs '*-*-* 02:30:00' '2026-03-27 12:00:00' 3)
weekly=$(runs 'Sun *-*-* 02:30:00' '2026-03-20 12:00:00' 2)
hourly=$(runs '*-*-* *:30:00' '2026-10-25 00:45:00' 3)
echo 'runs, in UTC:'
echo "    daily 02:30, end of March:     $daily"
echo "    Sundays 02:30, end of March:   $weekly"
echo "    hourly, night of 25 October:   $hourly"

# 29 March has no 02:30. The hour from 2:00 to 3:00 comes twice on 25 October.
[ "$daily" = '03-28 01:30,03-30 00:30,03-31 00:30' ] || changed daily
[ "$weekly" = '03-22 01:30,04-05 00:30' ] || changed weekly
[ "$hourly" = '10-24 23:30,10-25 00:30,10-25 02:30' ] || changed hourly
echo 'as described'
