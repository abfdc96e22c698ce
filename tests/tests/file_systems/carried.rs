//! What a tree carries beside its contents, and what of it comes back: the table of `docs/SITES.md`.
//!
//! Needs: disk, restic.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use holdfast_job::Outcome;
use holdfast_tests::{Disk, Node, chattr, damage, fill_site, lsattr, output_of, program};

use super::{foreseen, refused};

/// Flags of every entry of a tree that can have some, by path, without projects.
fn flags(live: &Path) -> Vec<String> {
    let said =
        output_of(program("/usr/bin/find").arg(live).args(["-type", "d", "-o", "-type", "f"]));
    let mut paths: Vec<&str> = said.lines().filter(|path| Path::new(path).exists()).collect();
    paths.sort_unstable();
    let line = |path: &&str| {
        let below = path.strip_prefix(&live.display().to_string()).unwrap_or(path);
        format!("{below} {}", lsattr(Path::new(path)).1)
    };
    paths.iter().map(line).collect()
}

fn projects(live: &Path) -> Vec<u32> {
    let said =
        output_of(program("/usr/bin/find").arg(live).args(["-type", "d", "-o", "-type", "f"]));
    let paths = said.lines().map(PathBuf::from).filter(|path| path.exists());
    let mut found: Vec<u32> = paths.map(|path| lsattr(&path).0).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// A small site: names that `find` and `lsattr` can be asked for.
fn small_site(live: &Path) {
    for folder in ["", "logs", "cache/pages", "locked"] {
        fs::create_dir_all(live.join(folder)).expect("a folder");
        fs::write(live.join(folder).join("file"), folder).expect("a file");
    }
    fs::write(live.join(".user.ini"), "memory_limit = 64M").expect("a file");
}

fn unprotect(node: &Node) {
    let _ = program("/usr/bin/chattr").args(["-R", "-f", "-i", "-a"]).arg(node.base()).status();
}

#[test]
fn a_tenant_never_leaves_its_project_by_a_restore() {
    let disk = Disk::xfs();
    let node = Node::within(disk.path());
    small_site(&node.live());
    chattr("-R -p 100 +P", &node.live());
    let snapshot = node.backed_up();
    fs::write(node.live().join("hacked.php"), "x").expect("damage");
    node.restore(&snapshot).run().completed();
    assert_eq!(lsattr(&node.live()), (100, "P".into()));
    assert_eq!(projects(&node.live()), [100]);
    fs::create_dir(node.live().join("new")).expect("a folder");
    fs::write(node.live().join("new/file"), "x").expect("a file");
    assert_eq!(projects(&node.live()), [100]);
    let copies = fs::read_dir(node.base().join(".holdfast")).expect("a folder").flatten();
    let kept = copies.map(|entry| entry.path().join("web")).find(|path| path.exists());
    assert_eq!(projects(&kept.expect("an undo copy")), [100]);
    node.undo().run().completed();
    assert_eq!(projects(&node.live()), [100]);
    // There is nothing live, and the folder that it goes into has a project.
    fs::remove_dir_all(node.live()).expect("no site");
    chattr("-p 70 +P", &node.base());
    node.recover();
    let _ = fs::remove_dir_all(node.base().join(".holdfast"));
    node.restore(&snapshot).run().completed();
    assert_eq!(projects(&node.live()), [70]);
    node.recover();
}

#[test]
fn a_base_that_got_its_project_later_is_no_obstacle_if_the_tree_has_the_same() {
    let disk = Disk::xfs();
    let node = Node::within(disk.path());
    small_site(&node.live());
    let snapshot = node.backed_up();
    node.restore(&snapshot).run().completed();
    chattr("-p 50 +P", &node.base());
    chattr("-R -p 50 +P", &node.live());
    node.restore(&snapshot).run().completed();
    assert_eq!(projects(&node.live()), [50]);
    node.undo().run().completed();
    assert_eq!(projects(&node.live()), [50]);
    node.recover();
}

#[test]
fn a_base_of_another_project_than_its_tree_is_refused_before_the_door_closes() {
    let disk = Disk::xfs();
    let node = Node::within(disk.path());
    small_site(&node.live());
    chattr("-p 50 +P", &node.base());
    chattr("-R -p 100 +P", &node.live());
    let snapshot = node.backed_up();
    let lifted = format!("chattr -P {}", node.base().display());
    let words = ["is of project 100", "takes in project 50 alone", &lifted];
    foreseen(&node, &words);
    refused(&node, &node.restore(&snapshot), &words);
    chattr("-P", &node.base());
    node.restore(&snapshot).run().completed();
    assert_eq!(projects(&node.live()), [100]);
    node.recover();
}

#[test]
fn flags_below_the_root_come_back_and_go_with_the_trash() {
    let disk = Disk::xfs();
    let node = Node::within(disk.path());
    small_site(&node.live());
    let marked = [
        ("cache", "+d"),
        ("cache/pages", "+A"),
        ("cache/pages/file", "+d"),
        ("logs/file", "+a"),
        ("logs", "+aS"),
        (".user.ini", "+i"),
        ("locked/file", "+i"),
        ("locked", "+i"),
    ];
    for (path, flag) in marked {
        chattr(flag, &node.live().join(path));
    }
    let (tree, good) = (node.tree(), flags(&node.live()));
    let snapshot = node.backed_up();
    fs::write(node.live().join("hacked.php"), "x").expect("damage");
    let bad = flags(&node.live());
    for _ in 0..2 {
        node.restore(&snapshot).run().completed();
        assert_eq!(flags(&node.live()), good);
        assert!(node.tree() == tree, "{}", node.tree().differences(&tree));
        node.undo().run().completed();
        assert_eq!(flags(&node.live()), bad);
    }
    node.restore(&snapshot).run().completed();
    node.recover();
    assert!(node.left_over().is_empty(), "{:?}", node.left_over());
    unprotect(&node);
}

#[test]
fn a_subvolume_comes_back_as_one_with_its_compression() {
    let disk = Disk::btrfs();
    let node = Node::within(disk.path());
    output_of(program("/usr/bin/btrfs").args(["subvolume", "create"]).arg(node.live()));
    small_site(&node.live());
    for (folder, flag) in [("small", "+c"), ("fixed", "+C"), ("fixed/plain", "-C")] {
        fs::create_dir(node.live().join(folder)).expect("a folder");
        chattr(flag, &node.live().join(folder));
        fs::write(node.live().join(folder).join("file"), "x".repeat(10_000)).expect("a file");
    }
    let (tree, good) = (node.tree(), flags(&node.live()));
    assert!(good.contains(&"/fixed/file C".to_owned()), "{good:?}");
    let is_subvolume = || {
        let (live, base) = (node.live().metadata(), node.base().metadata());
        let (live, base) = (live.expect("a tree"), base.expect("a base"));
        live.ino() == 256 && live.dev() != base.dev()
    };
    let snapshot = node.backed_up();
    for _ in 0..2 {
        fs::write(node.live().join("hacked.php"), "x").expect("damage");
        let bad = node.tree();
        node.restore(&snapshot).run().completed();
        assert!(is_subvolume());
        assert_eq!(flags(&node.live()), good);
        assert!(node.tree() == tree, "{}", node.tree().differences(&tree));
        node.undo().run().completed();
        assert!(is_subvolume() && node.tree() == bad);
        node.undo().run().completed();
        assert!(is_subvolume() && node.tree() == tree);
        node.recover();
    }
}

#[test]
fn an_encrypted_tree_of_its_own_is_refused_and_an_encrypted_base_is_not() {
    let disk = Disk::ext4("encrypt");
    let node = Node::within(disk.path());
    encrypt(disk.path(), &node.live());
    small_site(&node.live());
    let snapshot = node.backed_up();
    let words = ["lies encrypted (fscrypt)", "Encrypt the site's base directory"];
    foreseen(&node, &words);
    refused(&node, &node.restore(&snapshot), &words);
    // A plain tree with an encrypted folder in it: said by the backup, refused by the restore.
    fs::remove_dir_all(node.live()).expect("no site");
    small_site(&node.live());
    encrypt(disk.path(), &node.live().join("secret"));
    fs::write(node.live().join("secret/file"), "x").expect("a file");
    let ended = node.backup().run();
    let inner = ended.completed().snapshot.expect("a snapshot");
    assert!(
        ended.said().iter().any(|line| line.contains("by itself, and no restore")),
        "{ended:?}"
    );
    let before = node.tree();
    let ended = node.restore(&inner).run();
    let result = ended.ended_as(Outcome::Failed);
    assert!(result.operator_message.contains("public/secret lay encrypted"), "{ended:?}");
    assert_eq!((result.closed_ms, node.tree()), (None, before));
    node.recover();
    // All of it inside an encrypted base.
    fs::remove_dir_all(node.base()).expect("no base");
    encrypt(disk.path(), &node.base());
    fill_site(&node.live());
    let good = node.tree();
    let whole = node.backed_up();
    damage(&node.live());
    node.restore(&whole).run().completed();
    assert!(node.tree() == good);
    assert!(
        lsattr(&node.live()).1.contains('E')
            && lsattr(&node.live().join("empty.txt")).1.contains('E')
    );
    node.recover();
}

#[test]
fn more_flags_than_are_saved_are_counted() {
    let node = Node::new();
    let folder = node.live().join("many");
    fs::create_dir_all(&folder).expect("a folder");
    for number in 0..10_002 {
        fs::write(folder.join(number.to_string()), "").expect("a file");
    }
    fs::write(folder.join(OsStr::from_bytes(b"\xff")), "").expect("a file");
    chattr("-R +d", &folder);
    chattr("-d", &folder);
    let good = lsattr(&folder.join("7")).1;
    let ended = node.backup().run();
    let snapshot = ended.completed().snapshot.expect("a snapshot");
    let counted = "flags of 3 entries are not saved";
    assert!(ended.said().iter().any(|line| line.contains(counted)), "{ended:?}");
    node.restore(&snapshot).run().completed();
    let numbers = (0..10_002).filter(|number| *number % 1000 == 7);
    for number in numbers.map(|number: u32| number.to_string()) {
        assert_eq!(lsattr(&folder.join(&number)).1, good, "{number}");
    }
    node.recover();
}

/// Makes a folder that lies encrypted, by a key that the kernel gets.
fn encrypt(disk: &Path, folder: &Path) {
    // FS_IOC_ADD_ENCRYPTION_KEY and FS_IOC_SET_ENCRYPTION_POLICY of linux/fscrypt.h, version 2.
    let script = r#"my ($disk, $folder) = @ARGV; mkdir $folder or die $!;
        my $key = pack("LLx32LLx32", 2, 0, 64, 0) . ("k" x 64);
        open my $d, "<", $disk or die $!; ioctl($d, 0xC0506617, $key) or die "key: $!";
        my $id = substr $key, 8, 16;
        my $policy = pack("CCCCx4", 2, 1, 4, 3) . $id;
        open my $f, "<", $folder or die $!; ioctl($f, 0x800C6613, $policy) or die "policy: $!";"#;
    output_of(program("/usr/bin/perl").args(["-e", script]).args([disk, folder]));
}

#[test]
fn the_tables_for_hosts_name_what_is_tested_here() {
    let document = fs::read_to_string("../docs/SITES.md").expect("docs/SITES.md");
    let rows: Vec<&str> = document
        .lines()
        .filter(|line| line.starts_with("| "))
        .filter_map(|line| line.trim_matches('|').split(" | ").next())
        .map(str::trim)
        .collect();
    let tested: Vec<&str> = TESTED.iter().map(|(row, _)| *row).collect();
    assert_eq!(rows, tested, "each row of the tables has its test, and each test its row");
    let sources = ["", "hostile_tree/", "file_systems/"].map(sources_in).concat();
    for (row, test) in TESTED.into_iter().filter(|(_, test)| !test.is_empty()) {
        assert!(sources.contains(&format!("fn {test}(")), "{row}: there is no test {test}");
    }
}

fn sources_in(folder: &str) -> String {
    let entries = fs::read_dir(Path::new("tests").join(folder)).expect("tests").flatten();
    let files = entries.map(|entry| entry.path()).filter(|path| path.is_file());
    files.map(|path| fs::read_to_string(path).expect("a test")).collect()
}

/// Each row of `docs/SITES.md`, and the test that shows it. The heads of the tables have none.
const TESTED: [(&str, &str); 23] = [
    ("what the tree carries", ""),
    (
        "contents, names of any bytes, modes, owners, groups, times",
        "a_damaged_site_comes_back_byte_for_byte_and_the_damage_too",
    ),
    (
        "symbolic links, hard links, holes in files",
        "sparse_files_stay_sparse_and_hard_links_share_an_inode",
    ),
    (
        "extended attributes and ACLs, but `security.*`",
        "a_damaged_site_comes_back_byte_for_byte_and_the_damage_too",
    ),
    (
        "setuid and setgid of files, capabilities, other `security.*`",
        "setuid_files_devices_and_capabilities_come_back_harmless_and_all_else_as_it_was",
    ),
    (
        "devices, FIFOs, sockets",
        "setuid_files_devices_and_capabilities_come_back_harmless_and_all_else_as_it_was",
    ),
    (
        "project id and its inheritance, on ext4 and XFS",
        "a_tenant_never_leaves_its_project_by_a_restore",
    ),
    ("`chattr +i` and `+a` below the root", "flags_below_the_root_come_back_and_go_with_the_trash"),
    (
        "`chattr +d` of files; `+d`, `+A`, `+S` of folders",
        "flags_below_the_root_come_back_and_go_with_the_trash",
    ),
    ("`chattr +c`, `+C` of folders on btrfs", "a_subvolume_comes_back_as_one_with_its_compression"),
    ("`chattr +F` of folders, names without case, on ext4", "names_without_case_come_back_so"),
    ("a btrfs subvolume as the tree's root", "a_subvolume_comes_back_as_one_with_its_compression"),
    ("a btrfs subvolume below the root", "subvolumes_leave_the_trash"),
    (
        "flags of entries whose name is no UTF-8, or beyond 10,000 entries",
        "more_flags_than_are_saved_are_counted",
    ),
    (
        "encryption by fscrypt, of the base directory",
        "an_encrypted_tree_of_its_own_is_refused_and_an_encrypted_base_is_not",
    ),
    ("what is in the way", ""),
    (
        "`chattr +i` or `+a` on the base, the tree's root, the folder that it is in, `.holdfast` or an undo copy",
        "a_protected_tree_base_or_folder_of_ours_is_refused_by_name_before_the_door_closes",
    ),
    (
        "a folder with an inherited project that is not the tree's",
        "a_base_of_another_project_than_its_tree_is_refused_before_the_door_closes",
    ),
    (
        "a tree in a lower layer of an overlay",
        "a_tree_in_a_lower_layer_of_an_overlay_is_refused_before_the_door_closes",
    ),
    (
        "a tree in another btrfs subvolume than its base",
        "a_tree_inside_another_subvolume_than_its_base_is_refused_before_the_door_closes",
    ),
    (
        "encryption by fscrypt of the tree alone",
        "an_encrypted_tree_of_its_own_is_refused_and_an_encrypted_base_is_not",
    ),
    (
        "a mount point in the tree, or as the tree",
        "a_mount_point_in_a_source_or_for_a_source_is_refused",
    ),
    (
        "a file system without exchange: network, FUSE",
        "a_file_system_without_exchange_is_refused_before_the_door_closes",
    ),
];
