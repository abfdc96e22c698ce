#!/usr/bin/env bash
# Tool: dar 2.7.8 (Debian 12).
#
# Behaviour: dar asks before it overwrites. Without a terminal it takes "no" for an
# answer. So a differential archive brings its new files and keeps the old versions
# of changed ones. The exit code is 0, and the summary counts them as "excluded".
#
# Guess: a question that nobody can answer ends the restore with an error.
#
# Why it matters: full archive first, then the differential: so one restores by hand. From
# a script this gives a site of two moments, and success. A wrapper needs `-w`, and
# must compare the result with the archive, not believe the exit code.
#
# Exit: 0 as described, 1 the behaviour changed, 2 the tool could not be had.
set -euo pipefail
export LC_ALL=C

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

changed() { printf 'CHANGED: %s\n' "$*" >&2; exit 1; }
get() { apt-get download -q "$@" || { apt-get update -q && apt-get download -q "$@"; }; }

if ! get dar=2.7.8-2+b9 libdar64-6000=2.7.8-2+b9 libgpgme11 libassuan0 liblzo2-2 \
	>apt.log 2>&1; then
	cat apt.log >&2
	exit 2
fi
for deb in *.deb; do dpkg-deb -x "$deb" root; done
export PATH="$work/root/usr/bin:$PATH" HOME="$work"
export LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu:$work/root/lib/x86_64-linux-gnu"

# setsid takes the terminal away, as cron and systemd do.
dar_() { setsid --wait dar "$@" </dev/null; }

mkdir site asked told
echo Monday >site/page
touch -d '2026-11-23 12:00' site/page
dar_ -q -c monday -R "$work/site" >/dev/null 2>&1
echo Tuesday >site/page
echo Tuesday >site/news
dar_ -q -c tuesday -A monday -R "$work/site" >/dev/null 2>&1

for target in asked told; do
	dar_ -q -x monday -R "$work/$target" >/dev/null 2>&1
done
code=0
dar_ -x tuesday -R "$work/asked" >log 2>&1 || code=$?
echo "Monday's archive, then Tuesday's: exit $code"
grep -E 'user choice|inode\(s\) (restored|ignored)' log | sed "s#$work/##; s/^ */    /"
asked=$(grep -H . asked/* | paste -sd' ')
echo "result: $asked"
dar_ -q -w -x tuesday -R "$work/told" >/dev/null 2>&1
told=$(grep -H . told/* | paste -sd' ')
echo "with -w: $told"

[ "$code" = 0 ] || changed "it ends with $code"
[ "$asked" = 'asked/news:Tuesday asked/page:Monday' ] || changed "$asked"
[ "$told" = 'told/news:Tuesday told/page:Tuesday' ] || changed "with -w: $told"
echo 'as described'
