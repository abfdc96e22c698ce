//! Layers below a tree: overlays, subvolumes, mounts.
//!
//! Needs: disk, restic.

use std::{fs, path::Path};

use holdfast_tests::{Disk, Mount, Node, damage, fill_site, output_of, program};

use super::{foreseen, refused};

/// A whole node that lies in the lower layer of an overlay, on a disk of its own.
struct Overlay {
    merged: std::path::PathBuf,
    /// Dropped last.
    _disk: Mount,
}

impl Overlay {
    fn over(disk: Mount) -> Self {
        for name in ["upper", "work", "merged"] {
            fs::create_dir_all(disk.path().join(name)).expect("a layer");
        }
        let at = |name: &str| disk.path().join(name).display().to_string();
        let layers =
            format!("lowerdir={},upperdir={},workdir={}", at("lower"), at("upper"), at("work"));
        let mut mount = program("/usr/bin/mount");
        output_of(mount.args(["-t", "overlay", "-o", &layers, "overlay", &at("merged")]));
        Self { merged: disk.path().join("merged"), _disk: disk }
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        let _ = program("/usr/bin/umount").arg("--lazy").arg(&self.merged).status();
    }
}

#[test]
fn a_tree_in_a_lower_layer_of_an_overlay_is_refused_before_the_door_closes() {
    let disk = Mount::new("size=200m");
    let lower = disk.path().join("lower/customer-42/public");
    fs::create_dir_all(lower.parent().expect("a folder")).expect("the lower layer");
    fill_site(&lower);
    let overlay = Overlay::over(disk);
    let node = Node::new();
    output_of(
        program("/usr/bin/mount")
            .arg("--bind")
            .arg(&overlay.merged)
            .arg(node.root().join("customers")),
    );
    let bound = Bound(node.root().join("customers"));
    let snapshot = node.backed_up();
    let words = ["public cannot change places", "lower layer of an overlay"];
    foreseen(&node, &words);
    refused(&node, &node.restore(&snapshot), &words);
    // Made anew, it lies in the upper layer, and can change places.
    let made_anew = node.base().join("anew");
    output_of(program("/usr/bin/cp").arg("-a").arg(node.live()).arg(&made_anew));
    fs::remove_dir_all(node.live()).expect("away");
    fs::rename(&made_anew, node.live()).expect("in its place");
    damage(&node.live());
    node.restore(&snapshot).run().completed();
    node.recover();
    assert!(node.left_over().is_empty(), "{:?}", node.left_over());
    drop(bound);
    drop(node);
    drop(overlay);
}

/// A bind mount, let go on drop.
struct Bound(std::path::PathBuf);

impl Drop for Bound {
    fn drop(&mut self) {
        let _ = program("/usr/bin/umount").arg("--lazy").arg(&self.0).status();
    }
}

fn subvolume(path: &Path) {
    output_of(program("/usr/bin/btrfs").args(["subvolume", "create"]).arg(path));
}

#[test]
fn a_tree_inside_another_subvolume_than_its_base_is_refused_before_the_door_closes() {
    let disk = Disk::btrfs();
    let node = Node::within(disk.path());
    subvolume(&node.base().join("www"));
    let live = node.base().join("www/htdocs");
    fill_site(&live);
    let path = live.display().to_string().replace("customer-42", "customer-{id}");
    let source = format!("[[site.files]]\nid = \"web\"\nname = \"Website\"\npath = \"{path}\"\n");
    node.configure(&source, "");
    let snapshot = node.backed_up();
    let words = ["htdocs cannot change places", "another btrfs subvolume"];
    foreseen(&node, &words);
    refused(&node, &node.restore(&snapshot), &words);
}

#[test]
fn a_file_system_without_exchange_is_refused_before_the_door_closes() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    let inject = "inject=renameat2:error=EINVAL";
    let strace = ["/usr/bin/strace", "-f", "-qq", "-o", "/dev/null", "-e", inject];
    let words = ["the exchange is refused here", "keep the sites on a local one"];
    refused(&node, &node.restore(&snapshot).wrapped(&strace), &words);
    node.restore(&snapshot).run().completed();
    node.recover();
}
