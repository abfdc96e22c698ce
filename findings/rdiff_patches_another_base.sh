#!/usr/bin/env bash
# Tools: rdiff 2.3.2 (librsync), xdelta3 3.0.11 (Debian 12).
#
# Behaviour: `rdiff patch` applies a delta to another base than the one it was made for,
# and ends with 0 without a word. The result is a file that never existed: new where
# the delta says so, else the wrong base. `xdelta3` refuses the same.
#
# Guess: a delta knows its base, as the signature has a sum for each block.
#
# Why it matters: a chain of increments with one link lost or taken twice restores
# garbage, and success. Whoever stores deltas of librsync must store the sum of the
# whole file beside each.
#
# Exit: 0 as described, 1 the behaviour changed, 2 the tools could not be had.
set -euo pipefail
export LC_ALL=C

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

changed() { printf 'CHANGED: %s\n' "$*" >&2; exit 1; }
get() { apt-get download -q "$@" || { apt-get update -q && apt-get download -q "$@"; }; }

if ! get rdiff=2.3.2-1+b1 librsync2=2.3.2-1+b1 libb2-1=0.98.1-1.1 xdelta3=3.0.11-dfsg-1.2 liblzma5 >apt.log 2>&1; then
	cat apt.log >&2
	exit 2
fi
for deb in *.deb; do dpkg-deb -x "$deb" root; done
export PATH="$work/root/usr/bin:$PATH" HOME="$work"
export LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu"

seq 1 20000 >monday
sed 's/^777$/changed on Tuesday/' monday >tuesday
sed 's/^15000$/changed on Sunday/' monday >sunday

rdiff signature monday monday.sig
rdiff delta monday.sig tuesday tuesday.delta
rdiff patch monday tuesday.delta right
cmp right tuesday || changed 'the right base gives another file'
code=0
rdiff patch sunday tuesday.delta wrong >log 2>&1 || code=$?
echo "rdiff on the wrong base: exit $code, $(wc -c <log) bytes of output"
diff tuesday wrong | sed 's/^/    /' || true

xdelta3 -e -q -s monday tuesday tuesday.xdelta
refused=0
xdelta3 -d -q -s sunday tuesday.xdelta wrong.xdelta >xlog 2>&1 || refused=$?
echo "xdelta3 on the wrong base: exit $refused"

[ "$code" = 0 ] || changed "rdiff ends with $code"
[ ! -s log ] || changed "rdiff says $(head -n 1 log)"
cmp -s tuesday wrong && changed 'the result is right'
[ "$refused" != 0 ] || changed 'xdelta3 takes the wrong base'
echo 'as described'
