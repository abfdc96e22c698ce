#!/usr/bin/env bash
# Tools: cron 3.0pl1-162 (Debian 12); croniter 7.0.0 of PyPI reads the same line.
#
# Behaviour: Debian's cron does not know `5/15`, which other crons and libraries read
# as 5, 20, 35, 50. One such line in a table under /var/spool/cron stops all jobs of
# the table. The daemon runs on, and only syslog hears of it. `crontab -n` tells.
#
# Guess: a line that is not understood is skipped, and the other jobs run.
#
# Why it matters: a restore, or a move from another host, puts the table back as a
# file. Since the daemon reads it itself, nobody refuses it, and the customer has no
# cron any more. Tables go in through `crontab`, or are tried with `crontab -n` first.
#
# It needs root and a private mount namespace; time runs 240 times as fast in it.
# Exit: 0 as described, 1 the behaviour changed, 2 the tools could not be had.
set -euo pipefail
export LC_ALL=C TZ=UTC

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

changed() { printf 'CHANGED: %s\n' "$*" >&2; exit 1; }
get() { apt-get download -q "$@" || { apt-get update -q && apt-get download -q "$@"; }; }

unshare --mount true 2>/dev/null || { echo 'needs root and mount namespaces' >&2; exit 2; }
if ! get cron=3.0pl1-162 libfaketime=0.9.10-2.1 >apt.log 2>&1; then
	cat apt.log >&2
	exit 2
fi
for deb in *.deb; do dpkg-deb -x "$deb" root; done
python3 -m venv venv
venv/bin/pip -q install --disable-pip-version-check croniter==7.0.0 || exit 2

cat >in_private.sh <<'PRIVATE'
set -euo pipefail
for folder in /var/spool /etc/cron.d /run /dev/shm; do
	mkdir -p "$folder"
	mount -t tmpfs private "$folder"
done
[ ! -e /etc/crontab ] || mount --bind /dev/null /etc/crontab
mkdir -p /var/spool/cron/crontabs
cp "$1" /var/spool/cron/crontabs/root
chmod 600 /var/spool/cron/crontabs/root
if root/usr/bin/crontab -n "$1" >/dev/null 2>&1; then echo taken; else echo refused; fi >verdict
export LD_PRELOAD="$PWD/root/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
FAKETIME='@2026-11-29 10:00:00 x240' timeout "$2" root/usr/sbin/cron -f || true
PRIVATE

try() { # TABLE SECONDS
	: >ran
	unshare --mount bash in_private.sh "$1" "$2"
	verdict=$(cat verdict)
	runs=$(wc -l <ran)
	echo "$1: crontab -n: $verdict; the good line ran $runs times in $(($2 * 4)) minutes"
}
printf '*/15 * * * * echo ran >>%s/ran\n' "$work" >good_line
{ cat good_line && echo '5/15 * * * * true'; } >good_line_and_other

reads=$(venv/bin/python -c '
from datetime import datetime
from croniter import croniter
runs = croniter("5/15 * * * *", datetime(2026, 11, 29, 10))
print(*[runs.get_next(datetime).strftime("%M") for _ in range(4)])')
echo "croniter reads 5/15 as minutes $reads"
[ "$reads" = '05 20 35 50' ] || changed croniter
try good_line 15
[ "$verdict" = taken ] || changed 'crontab -n refuses a good table'
[ "$runs" -ge 1 ] || { echo 'cron does not run here at all' >&2; exit 2; }
try good_line_and_other 15
[ "$verdict" = refused ] || changed 'crontab -n takes 5/15'
[ "$runs" = 0 ] || changed 'the good line runs beside it'
echo 'as described'
