#!/usr/bin/env bash
# Tool: mksquashfs 4.5.1 (Debian 12, squashfs-tools).
#
# Behaviour: mksquashfs appends when the target exists already. A file whose name
# is taken gets the suffix `_1`. Deleted files stay. It says so at length, but the
# exit code is 0.
#
# Guess: the second run overwrites the archive, or refuses.
#
# Why it matters: a nightly `mksquashfs site site.sqfs` restores the first night
# for ever. Today's page hides as `index.html_1`, and what was deleted comes back.
# A product that makes or adopts such archives needs `-noappend` or a fresh name.
#
# Exit: 0 as described, 1 the behaviour changed, 2 the tool could not be had.
set -euo pipefail
export LC_ALL=C

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

changed() { printf 'CHANGED: %s\n' "$*" >&2; exit 1; }
get() { apt-get download -q "$@" || { apt-get update -q && apt-get download -q "$@"; }; }

if ! get squashfs-tools=1:4.5.1-1 liblzo2-2 >apt.log 2>&1; then
	cat apt.log >&2
	exit 2
fi
for deb in *.deb; do dpkg-deb -x "$deb" root; done
export PATH="$work/root/usr/bin:$PATH" HOME="$work"
export LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu:$work/root/lib/x86_64-linux-gnu"

mkdir site
echo Monday >site/index.html
echo draft >site/deleted-on-tuesday.html
mksquashfs site site.sqfs -no-progress -quiet

echo Tuesday >site/index.html
rm site/deleted-on-tuesday.html
mksquashfs site site.sqfs -no-progress -quiet >second.log 2>&1 ||
	changed "the second run ends with $?"
grep -E '^(Appending|If appending|Source directory entry)' second.log

unsquashfs -no-progress -quiet -dest out site.sqfs
echo 'the archive after two nights:'
grep -r . out | sed 's/^/    /' | sort
seen=$(grep -r . out | sort | paste -sd' ')
[ "$seen" = 'out/deleted-on-tuesday.html:draft out/index.html:Monday out/index.html_1:Tuesday' ] ||
	changed "$seen"

mksquashfs site fresh.sqfs -no-progress -quiet
mksquashfs site fresh.sqfs -no-progress -quiet -noappend
unsquashfs -no-progress -quiet -dest fresh fresh.sqfs
seen=$(grep -r . fresh | sort | paste -sd' ')
echo "with -noappend: $seen"
[ "$seen" = 'fresh/index.html:Tuesday' ] || changed "with -noappend: $seen"
echo 'as described'
