#!/usr/bin/env bash
# Tool: the crate object_store 0.14.2, LocalFileSystem.
#
# Behaviour: `list` leaves out each file whose name ends in `#` and digits, such as
# `invoice#12`. The crate names its own unfinished uploads so. No error comes. A
# path made for that name becomes `invoice%2312`, which is not found.
#
# Guess: a listing of a folder shows each file of the folder.
#
# Why it matters: whoever copies a local folder to S3 through this crate leaves such
# files behind and reports success. Names of customers must stay inside an archive.
# In front of this crate stand only names that the product makes itself.
#
# Exit: 0 as described, 1 the behaviour changed, 2 the tool could not be had.
set -euo pipefail
export LC_ALL=C

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

changed() { printf 'CHANGED: %s\n' "$*" >&2; exit 1; }

mkdir -p rust/src folder
cat >rust/Cargo.toml <<'TOML'
[package]
name = "lister"
version = "0.1.0"
edition = "2021"
[dependencies]
futures = "0.3"
object_store = { version = "=0.14.2", default-features = false, features = ["fs"] }
tokio = { version = "1", features = ["macros", "rt"] }
TOML
cat >rust/src/main.rs <<'RUST'
use futures::TryStreamExt;
use object_store::{local::LocalFileSystem, path::Path, ObjectStore, ObjectStoreExt};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = std::env::args().nth(1).unwrap();
    let store = LocalFileSystem::new_with_prefix(folder).unwrap();
    let found: Vec<_> = store.list(None).try_collect().await.unwrap();
    let mut names: Vec<_> = found.iter().map(|one| one.location.to_string()).collect();
    names.sort();
    println!("listed: {}", names.join(" "));
    let asked = Path::from("invoice#12");
    let word = if store.head(&asked).await.is_ok() { "found" } else { "not found" };
    println!("asked for {asked}: {word}");
}
RUST
CARGO_TARGET_DIR="$work/target" cargo build -q --manifest-path rust/Cargo.toml || exit 2

touch 'folder/invoice' 'folder/invoice#12' 'folder/invoice#12.pdf' 'folder/note#b'
printf 'in the folder: %s\n' "$(cd folder && printf '%s ' *)"
target/debug/lister "$work/folder" | tee seen
grep -qx 'listed: invoice invoice#12.pdf note#b' seen || changed 'the listing'
grep -qx 'asked for invoice%2312: not found' seen || changed 'the path'
echo 'as described'
