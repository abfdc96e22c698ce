#!/usr/bin/env bash
# Tools: pzstd 1.5.4 (Debian 12, package zstd) writes; Python's zstandard 0.25.0 and
# the crate ruzstd 0.9.1 read.
#
# Behaviour: pzstd begins its files with a skippable frame. Three ways into the same
# library differ: stream_reader reads all, read_to_iter and decompressobj give 0
# bytes without an error, decompress raises. ruzstd's StreamingDecoder refuses.
#
# Guess: what `zstd -d` reads, any library reads, whichever call is used.
#
# Why it matters: dumps are large, so people compress them with all cores. An
# importer that reads such a dump by chunks sees an empty database and success.
# Whoever reads foreign zstd must loop over frames and refuse an empty result.
#
# Exit: 0 as described, 1 the behaviour changed, 2 the tools could not be had.
set -euo pipefail
export LC_ALL=C

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

changed() { printf 'CHANGED: %s\n' "$*" >&2; exit 1; }
get() { apt-get download -q "$@" || { apt-get update -q && apt-get download -q "$@"; }; }

if ! get zstd=1.5.4+dfsg2-5 >apt.log 2>&1; then
	cat apt.log >&2
	exit 2
fi
dpkg-deb -x zstd_*.deb root
export PATH="$work/root/usr/bin:$PATH"
python3 -m venv venv
venv/bin/pip -q install --disable-pip-version-check zstandard==0.25.0 || exit 2
mkdir -p rust/src
cat >rust/Cargo.toml <<'TOML'
[package]
name = "reader"
version = "0.1.0"
edition = "2021"
[dependencies]
ruzstd = "=0.9.1"
TOML
cat >rust/src/main.rs <<'RUST'
use std::io::Read;
fn main() {
    let file = std::fs::File::open(std::env::args().nth(1).unwrap()).unwrap();
    let mut all = Vec::new();
    match ruzstd::decoding::StreamingDecoder::new(file) {
        Ok(mut decoder) => println!("{}", decoder.read_to_end(&mut all).unwrap()),
        Err(error) if format!("{error:?}").contains("SkipFrame") => println!("error SkipFrame"),
        Err(error) => println!("error {error}"),
    }
}
RUST
CARGO_TARGET_DIR="$work/target" cargo build -q --manifest-path rust/Cargo.toml || exit 2
cat >read.py <<'PYTHON'
import sys, zstandard
name = sys.argv[1]
decoder = zstandard.ZstdDecompressor()
ways = {
    "stream_reader": lambda: len(decoder.stream_reader(open(name, "rb")).read()),
    "read_to_iter": lambda: sum(map(len, decoder.read_to_iter(open(name, "rb")))),
    "decompressobj": lambda: len(decoder.decompressobj().decompress(open(name, "rb").read())),
    "decompress": lambda: len(decoder.decompress(open(name, "rb").read())),
}
for way, read in ways.items():
    try:
        print(way, read())
    except zstandard.ZstdError as error:
        print(way, "error")
PYTHON

seq 1 100000 >dump.sql # 588,895 bytes
zstd -q -k dump.sql -o one.zst
pzstd -q -k -p 2 dump.sql -o many.zst
[ "$(zstd -dc many.zst | wc -c)" = 588895 ] || changed 'zstd -d does not read it'

for file in one many; do
	{
		venv/bin/python read.py "$file.zst"
		printf 'ruzstd %s\n' "$(target/debug/reader "$file.zst")"
	} >"$file.seen"
done
echo 'bytes read of 588895: zstd | pzstd'
paste -d'|' one.seen many.seen | sed 's/^/    /; s/|/ | /'

[ "$(grep -c ' 588895$' one.seen)" = 5 ] || changed 'the file of plain zstd'
expected='stream_reader 588895 read_to_iter 0 decompressobj 0 decompress error ruzstd error SkipFrame'
[ "$(paste -sd' ' many.seen)" = "$expected" ] || changed 'the file of pzstd'
echo 'as described'
