//! What must never come out of a backup live: setuid files, devices, capabilities. And what must.
//!
//! Needs: restic.

use std::{
    fs::{self, File, Permissions},
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, symlink},
        net::UnixListener,
    },
    path::Path,
    time::{Duration, SystemTime},
};

use holdfast_job::Message;
use holdfast_tests::{Node, Tree, damage, output_of, program};

/// `cap_net_bind_service=ep`, as the kernel stores it.
const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn age(folder: &Path) {
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_600_000_000, 987_654_321);
    File::open(folder).and_then(|folder| folder.set_modified(time)).expect("a time");
}

fn arm(live: &Path) {
    let folder = live.join("armed");
    fs::create_dir_all(folder.join("deep")).expect("a folder");
    for (name, mode) in [("su", 0o4755), ("sg", 0o2755), ("both", 0o6711), ("able", 0o755)] {
        let file = folder.join(name);
        fs::write(&file, name).expect("a file");
        chown(&file, Some(33), Some(33)).expect("an owner");
        fs::set_permissions(&file, Permissions::from_mode(mode)).expect("a mode");
        age(&file);
    }
    xattr::set(folder.join("able"), "security.capability", &CAPABILITY).expect("a capability");
    for (name, kind) in [("zero", ["c", "1", "5"]), ("deep/disk", ["b", "7", "0"])] {
        output_of(program("/usr/bin/mknod").arg(folder.join(name)).args(kind));
    }
    output_of(program("/usr/bin/mkfifo").arg(folder.join("fifo")));
    drop(UnixListener::bind(folder.join("socket")).expect("a socket"));
    fs::set_permissions(folder.join("deep"), Permissions::from_mode(0o2775)).expect("a mode");
    age(&folder.join("deep"));
    age(&folder);
}

#[test]
fn setuid_files_devices_and_capabilities_come_back_harmless_and_all_else_as_it_was() {
    let node = Node::with_site();
    arm(&node.live());
    // Nor does the mending reach through a link.
    let canary = node.root().join("canary");
    fs::copy(node.live().join("armed/su"), &canary).unwrap();
    fs::set_permissions(&canary, Permissions::from_mode(0o4755)).unwrap();
    xattr::set(&canary, "security.capability", &CAPABILITY).unwrap();
    let canary_before = Tree::read(&canary);
    symlink(&canary, node.live().join("an/link")).unwrap();
    let armed = node.tree();
    assert!(armed.line("armed/able").contains("security.capability"));
    let snapshot = node.backed_up();
    damage(&node.live());
    let ended = node.restore(&snapshot).run();
    ended.completed();
    let restored = node.tree();

    assert_eq!(Tree::read(&canary), canary_before);
    let changed = ["armed/su", "armed/sg", "armed/both", "armed/able"];
    let gone = ["armed/zero", "armed/deep/disk", "armed/fifo", "armed/socket"];
    assert_eq!(restored.without(&changed), armed.without(&changed).without(&gone));
    let was = |path: &str, from: &str, to: &str| armed.line(path).replace(from, to);
    assert_eq!(restored.line("armed/su"), was("armed/su", " 4755 ", " 755 "));
    assert_eq!(restored.line("armed/sg"), was("armed/sg", " 2755 ", " 755 "));
    assert_eq!(restored.line("armed/both"), was("armed/both", " 6711 ", " 711 "));
    assert!(!restored.line("armed/able").contains("security."), "{}", restored.line("armed/able"));
    assert!(restored.line("armed/deep").contains(" 2775 "), "{}", restored.line("armed/deep"));
    let counted = "3 devices, FIFOs and sockets left out, 3 files lost setuid or setgid, 1 entries \
                   lost capabilities, 0 got another owner";
    let logged = |message: &Message| match message {
        Message::Log { text, .. } => text.contains(counted),
        _ => false,
    };
    assert!(ended.messages().iter().any(logged), "{ended:?}");

    // What a plain restore would have made live.
    let naive = node.root().join("naive");
    let mut restore = node.restic(&["restore", snapshot.as_str(), "--target"]);
    output_of(restore.arg(&naive));
    let naive = naive.join(node.live().strip_prefix("/").unwrap()).join("armed");
    assert_eq!(naive.join("su").metadata().unwrap().mode() & 0o7777, 0o4755);
    assert!(naive.join("zero").metadata().unwrap().file_type().is_char_device());
    assert!(xattr::get(naive.join("able"), "security.capability").unwrap().is_some());
    node.recover();
}

#[test]
fn a_setuid_file_with_two_names_comes_back_harmless_under_both() {
    let node = Node::with_site();
    let live = node.live();
    let (one, other) = (live.join("an/one"), live.join("names/other"));
    fs::write(&one, "twice").unwrap();
    fs::set_permissions(&one, Permissions::from_mode(0o4755)).unwrap();
    fs::hard_link(&one, &other).unwrap();
    let snapshot = node.backed_up();
    damage(&live);
    node.restore(&snapshot).run().completed();
    let [one, other] = [one, other].map(|path| path.metadata().unwrap());
    assert_eq!((one.mode() & 0o7777, one.ino()), (0o755, other.ino()));
    node.recover();
}

#[test]
fn sparse_files_stay_sparse_and_hard_links_share_an_inode() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    damage(&node.live());
    node.restore(&snapshot).run().completed();
    let sparse = node.live().join("sparse.img").metadata().unwrap();
    assert_eq!(sparse.len(), (8 << 20) + 3);
    assert!(sparse.blocks() * 512 < 1 << 20, "{} blocks", sparse.blocks());
    let [one, other] =
        ["index.php", "names/hard link"].map(|name| node.live().join(name).metadata().unwrap());
    assert_eq!((one.ino(), one.nlink()), (other.ino(), 2));
    node.recover();
}
