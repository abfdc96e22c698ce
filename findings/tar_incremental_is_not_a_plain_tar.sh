#!/usr/bin/env bash
# Tools: GNU tar 1.34 writes; bsdtar 3.6.2 and Python 3.11's tarfile read (Debian 12).
#
# Behaviour: `tar --listed-incremental` writes folders as entries of type D, whose
# data is a list of names. It keeps two times in the field of the name prefix.
# Python joins them to the name ("15303133351/site/") and makes a regular file of
# the list, so the next entry fails. bsdtar restores, but deletes nothing.
#
# Guess: an incremental archive is a plain tar with fewer files in it.
#
# Why it matters: hosting panels make their incremental backups this way. A reader
# that is not GNU tar either fails or brings back what the customer had deleted.
# An importer must find type D and hand such archives to GNU tar.
#
# Exit: 0 as described, 1 the behaviour changed, 2 the tools could not be had.
set -euo pipefail
export LC_ALL=C

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

changed() { printf 'CHANGED: %s\n' "$*" >&2; exit 1; }
get() { apt-get download -q "$@" || { apt-get update -q && apt-get download -q "$@"; }; }

tar --version | head -1 | grep -qF '1.34' || { echo 'needs GNU tar 1.34' >&2; exit 2; }
if ! get libarchive-tools libarchive13 libxml2 python3.11-minimal \
	libpython3.11-minimal libpython3.11-stdlib >apt.log 2>&1; then
	cat apt.log >&2
	exit 2
fi
for deb in *.deb; do dpkg-deb -x "$deb" root; done
export LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu"
python="$work/root/usr/bin/python3.11"
bsdtar="$work/root/usr/bin/bsdtar"
"$bsdtar" --version | grep -qF 'bsdtar 3.6.2' || { echo 'needs bsdtar 3.6.2' >&2; exit 2; }

mkdir -p site/uploads
echo old >site/removed.html
echo page >site/index.html
tar --listed-incremental=state -cf full.tar site
rm site/removed.html
echo image >site/uploads/new.jpg
tar --listed-incremental=state -cf second.tar site

echo 'types in the second archive:'
"$python" -c '
import tarfile
for e in tarfile.open("second.tar"):
    print("    ", e.type, e.name)' | tee types
grep -qE "b'D' [0-9]+/site/$" types || changed 'Python no longer joins the times to the name'

mkdir by_gnu by_bsd by_python
for archive in full second; do
	tar --listed-incremental=/dev/null -xf "$archive.tar" -C by_gnu
	"$bsdtar" -xf "$archive.tar" -C by_bsd
done
python_code=0
PYTHONPATH='' "$python" -c 'import tarfile; tarfile.open("second.tar").extractall("by_python")' \
	2>python.log || python_code=$?

for reader in gnu bsd python; do
	printf 'read by %s:\n' "$reader"
	(cd "by_$reader" && find . -type f | sort | sed 's/^/    /')
done
printf 'Python ends with %s: %s\n' "$python_code" "$(tail -1 python.log)"

[ ! -e by_gnu/site/removed.html ] || changed 'GNU tar kept the deleted file'
[ -e by_bsd/site/removed.html ] || changed 'bsdtar deletes now'
[ -e by_bsd/site/uploads/new.jpg ] || changed 'bsdtar misses the new file'
[ "$python_code" = 1 ] || changed "Python ends with $python_code"
grep -q NotADirectoryError python.log || changed 'Python fails in another way'
find by_python -type f -name site | grep -q . || changed 'Python makes no file of the folder'
echo 'as described'
