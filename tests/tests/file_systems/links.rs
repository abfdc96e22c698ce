//! Hard links: one file, several names.
//!
//! Needs: restic.

use std::fs;

use holdfast_tests::{Mount, Node, output_of, program};

#[test]
fn room_counts_a_file_with_several_names_once() {
    let disk = Mount::new("size=100m");
    let node = Node::within(disk.path());
    fs::create_dir(node.live()).expect("a source");
    let noise: Vec<u8> =
        (0..30_000_000_u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 29) as u8).collect();
    fs::write(node.live().join("one"), noise).expect("a large file");
    for name in ["two", "three", "four"] {
        fs::hard_link(node.live().join("one"), node.live().join(name)).expect("a name");
    }
    let good = node.tree();
    let snapshot = node.backed_up();
    fs::write(node.live().join("index.php"), "hacked").expect("damage");
    let avail = ["-B1", "--output=avail"];
    let said = output_of(program("/usr/bin/df").args(avail).arg(disk.path()));
    let free: u64 =
        said.lines().last().and_then(|line| line.trim().parse().ok()).expect("a number");
    assert!((31_000_000..100_000_000).contains(&free), "one of it fits, and four do not: {free}");
    node.restore(&snapshot).run().completed();
    assert!(node.tree() == good);
    node.recover();
}
