#!/usr/bin/env bash
# Tool: duplicity 0.8.22 (Debian 12).
#
# Behaviour: when the objects of one increment are gone, duplicity cuts the chain in
# front of it. `restore` without a time gives the state before the gap, exit 0. It
# only warns of "orphaned" files. With a time behind the gap it does the same.
#
# Guess: a restore that cannot reach the newest backup is an error.
#
# Why it matters: a lifecycle rule of the object store, or an `rm` by age, makes such
# gaps. A week later "the newest" is a week old and the exit code is 0. A restore
# must name the moment that came back, and compare it with the one ordered.
#
# Exit: 0 as described, 1 the behaviour changed, 2 the tool could not be had.
set -euo pipefail
export LC_ALL=C TZ=UTC

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

changed() { printf 'CHANGED: %s\n' "$*" >&2; exit 1; }
get() { apt-get download -q "$@" || { apt-get update -q && apt-get download -q "$@"; }; }

if ! get duplicity=0.8.22-1+b3 librsync2 libb2-1 python3-fasteners \
	python3-future python3-lockfile python3-monotonic >apt.log 2>&1; then
	cat apt.log >&2
	exit 2
fi
for deb in *.deb; do dpkg-deb -x "$deb" root; done
export PATH="$work/root/usr/bin:$PATH" HOME="$work/home"
export LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu"
export PYTHONPATH="$work/root/usr/lib/python3/dist-packages"

mkdir home site
for day in 1 2 3 4; do
	noon=$(date -d "2026-11-0$day 12:00" +%s)
	printf 'state of day %s\n' "$(printf '%*s' "$day" '' | tr ' ' "$day")" >site/page
	touch -d "@$noon" site/page
	duplicity --no-encryption --current-time "$noon" site "file://$work/store" >/dev/null
done
whole=$(duplicity restore --no-encryption "file://$work/store" whole >/dev/null 2>&1; cat whole/page)
echo "all there: $whole"

# The objects of the third day vanish; those of the fourth are untouched.
find store -name '*to.20261103T120000Z*' -delete
rm -r home/.cache # another machine restores

try() { # TARGET OPTION...
	local code=0
	duplicity restore --no-encryption "${@:2}" "file://$work/store" "$1" >log 2>&1 || code=$?
	seen="exit $code, $(cat "$1/page" 2>/dev/null || echo nothing)"
	grep -o 'Warning, found the following orphaned.*' log | sort -u | sed 's/^/    /'
}
try newest
newest=$seen
echo "day 3 gone, restore the newest: $newest"
try named --time 2026-11-04T13:00:00
named=$seen
echo "day 3 gone, restore --time of day 4: $named"

[ "$whole" = 'state of day 4444' ] || changed 'the whole chain'
[ "$newest" = 'exit 0, state of day 22' ] || changed 'the newest'
[ "$named" = 'exit 0, state of day 22' ] || changed 'a time behind the gap'
echo 'as described'
