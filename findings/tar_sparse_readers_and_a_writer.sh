#!/usr/bin/env bash
# Tools: GNU tar 1.34 and the crate tar 0.4.46 write; npm tar 7.5.23, npm tar-fs 3.1.3
# and the same crate read.
#
# Behaviour: `tar --sparse` has two forms. In the pax form all three readers make
# `GNUSparseFile.N/disk.img`: the map of the holes as text, then the data. They end
# well. In the gnu form npm tar drops the file without a warning, tar-fs refuses,
# and the crate is right. The crate writes the gnu form unasked, for any file with a hole.
#
# Guess: a reader either knows sparse files or refuses them, and a library writes
# plain entries unless told otherwise.
#
# Why it matters: disk images and database files are sparse. An archive made in Rust and
# opened in Node lacks them, and nobody is told. Archives for other people want
# `sparse(false)`; an importer looks for `GNU.sparse` records and counts its files.
#
# Exit: 0 as described, 1 the behaviour changed, 2 the tools could not be had.
set -euo pipefail
export LC_ALL=C

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

changed() { printf 'CHANGED: %s\n' "$*" >&2; exit 1; }

tar --version | head -1 | grep -qF '1.34' || { echo 'needs GNU tar 1.34' >&2; exit 2; }
mkdir -p js rust/src
npm --prefix js install --no-audit --no-fund --silent tar@7.5.23 tar-fs@3.1.3 >&2 || exit 2
cat >rust/Cargo.toml <<'TOML'
[package]
name = "by_crate"
version = "0.1.0"
edition = "2021"
[dependencies]
tar = "=0.4.46"
TOML
cat >rust/src/main.rs <<'RUST'
fn main() {
    let name = |n| std::env::args().nth(n).unwrap();
    if name(1) == "write" {
        let file = std::fs::File::create(name(2)).unwrap();
        tar::Builder::new(file).append_path(name(3)).unwrap();
    } else {
        let file = std::fs::File::open(name(2)).unwrap();
        tar::Archive::new(file).unpack(name(3)).unwrap();
    }
}
RUST
CARGO_TARGET_DIR="$work/target" cargo build -q --manifest-path rust/Cargo.toml || exit 2
cat >js/npm-tar.cjs <<'JS'
const [file, cwd] = process.argv.slice(2);
const onwarn = (code, text) => console.log('warning', code, text);
require('tar').x({ file, cwd, onwarn });
JS
cat >js/tar-fs.cjs <<'JS'
const [file, cwd] = process.argv.slice(2);
require('fs').createReadStream(file).pipe(require('tar-fs').extract(cwd))
  .on('error', (e) => { console.log('refused:', e.message.split(' for ')[0]); process.exit(1); });
JS

# One megabyte, of which one block is no hole.
truncate -s 1M disk.img
echo data | dd of=disk.img bs=1 seek=500000 conv=notrunc status=none
tar --sparse --format=pax -cf pax.tar disk.img
tar --sparse --format=gnu -cf gnu.tar disk.img
target/debug/by_crate write crate.tar disk.img

verdict() { # FORMAT READER COMMAND...
	local out="out-$1-$2" code=0 said
	mkdir "$out"
	said=$("${@:3}" "$1.tar" "$out" 2>&1) || code=$?
	if cmp -s disk.img "$out/disk.img"; then
		seen=right
	elif compgen -G "$out/GNUSparseFile.*/disk.img" >/dev/null; then
		seen="exit $code, wrong: $(cd "$out" && find . -type f -printf '%p of %s bytes' |
			sed 's/File[.][0-9]*/File.N/')"
	elif [ -z "$(find "$out" -type f)" ]; then
		seen="exit $code, no file${said:+, $said}"
	else
		seen="exit $code, something else"
	fi
	printf '%s, %s: %s\n' "$1" "$2" "$seen"
}
expect() { [ "$seen" = "$1" ] || changed "expected: $1"; }

export NODE_NO_WARNINGS=1
wrong='exit 0, wrong: ./GNUSparseFile.N/disk.img of 4608 bytes'
verdict pax npm-tar node js/npm-tar.cjs
expect "$wrong"
verdict pax tar-fs node js/tar-fs.cjs
expect "$wrong"
verdict pax crate target/debug/by_crate read
expect "$wrong"
verdict gnu npm-tar node js/npm-tar.cjs
expect 'exit 0, no file'
verdict gnu tar-fs node js/tar-fs.cjs
expect 'exit 1, no file, refused: unsupported type'
verdict gnu crate target/debug/by_crate read
expect right
verdict crate npm-tar node js/npm-tar.cjs
expect 'exit 0, no file'
verdict crate crate target/debug/by_crate read
expect right
echo 'as described'
