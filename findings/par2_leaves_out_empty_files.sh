#!/usr/bin/env bash
# Tool: par2cmdline 0.8.1 (Debian 12).
#
# Behaviour: `par2 create` takes empty files by name, leaves them out, and ends with 0.
# When such a file is gone, `par2 verify` says that all files are correct. `par2
# repair` does not make it again.
#
# Guess: a set knows each file that it was made of. The name and the length 0 are enough.
#
# Why it matters: a site has empty files that count, such as `__init__.py`, a flag file or
# an `index.html` against listings. Recovery data beside an archive's parts must be
# made of the archive, not of the tree.
#
# Exit: 0 as described, 1 the behaviour changed, 2 the tool could not be had.
set -euo pipefail
export LC_ALL=C

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

changed() { printf 'CHANGED: %s\n' "$*" >&2; exit 1; }
get() { apt-get download -q "$@" || { apt-get update -q && apt-get download -q "$@"; }; }

if ! get par2=0.8.1-3 >apt.log 2>&1; then
	cat apt.log >&2
	exit 2
fi
for deb in *.deb; do dpkg-deb -x "$deb" root; done
export PATH="$work/root/usr/bin:$PATH" HOME="$work"
export LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu"

printf 'first %s\n' {1..4000} >first
printf 'second %s\n' {1..4000} >second
: >__init__.py

code=0
par2 create -q -r10 set.par2 first second __init__.py >create.log 2>&1 || code=$?
echo "create: exit $code; $(grep -c '^Opening' create.log) of 3 files taken"
grep -i 'skipping' create.log | sed "s#$work/##"

rm __init__.py
verified=0
par2 verify -q set.par2 >verify.log 2>&1 || verified=$?
echo "verify without the empty file: exit $verified; $(tail -n 1 verify.log)"
repaired=0
par2 repair -q set.par2 >repair.log 2>&1 || repaired=$?
echo "repair: exit $repaired; $(ls __init__.py 2>/dev/null || echo 'the file is still missing')"

# A file with content is missed.
rm second
par2 verify -q set.par2 >missing.log 2>&1 && changed 'a missing file with content passes'
grep '^Target: "second"' missing.log

[ "$code $verified $repaired" = '0 0 0' ] || changed "exit codes $code $verified $repaired"
grep -q 'All files are correct' verify.log || changed 'verify misses it'
[ ! -e __init__.py ] || changed 'the empty file comes back'
echo 'as described'
