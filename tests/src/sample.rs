//! Sample sites: small, but with everything in them that a tree can have.

use std::{
    fs::{self, File, Permissions},
    io::{Seek, SeekFrom, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, chown, lchown, symlink},
    },
    path::Path,
    time::{Duration, SystemTime},
};

/// Fills an empty or absent directory with a site.
///
/// # Panics
/// If it cannot be written.
pub fn fill_site(root: &Path) {
    let make = |path: &str, content: &[u8]| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(&path, content).expect("a file");
    };
    make("index.php", b"<?php echo 'hello';\n");
    for number in 0..30 {
        let content = vec![number as u8; 700 * (number + 1)];
        make(&format!("wp-content/uploads/{}/{number}.jpg", number % 4), &content);
    }
    make("empty.txt", b"");
    make("names/with space and 'quotes\"", b"1");
    make("names/with\nline end", b"2");
    make("names/ünïcödé ☃", b"3");
    make("names/*?[x]\\", b"4");
    fs::write(root.join("names").join(std::ffi::OsStr::from_bytes(b"not \xff\xe2\x82 utf8")), b"5")
        .expect("an odd name");
    fs::create_dir_all(root.join("an/empty/folder")).expect("an empty folder");
    fs::hard_link(root.join("index.php"), root.join("names/hard link")).expect("a hard link");
    symlink("../index.php", root.join("names/soft link")).expect("a link");
    symlink("/nowhere", root.join("names/dangling")).expect("a dangling link");
    let mut sparse = File::create(root.join("sparse.img")).expect("a sparse file");
    sparse.seek(SeekFrom::Start(8 << 20)).expect("a hole");
    sparse.write_all(b"end").expect("an end");
    xattr::set(root.join("index.php"), "user.note", b"kept").expect("an attribute");
    // A POSIX ACL as acl(5) stores it: rw for the owner, r for uid 1234, group and mask r.
    let acl: [u8; 44] = [
        2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 210, 4, 0, 0, 4, 0, 4, 0, 255, 255,
        255, 255, 16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 4, 0, 255, 255, 255, 255,
    ];
    xattr::set(root.join("empty.txt"), "system.posix_acl_access", &acl).expect("an ACL");
    own(root, root, 0);
    let mode = |path: &str, mode| {
        fs::set_permissions(root.join(path), Permissions::from_mode(mode)).expect("a mode");
    };
    mode("wp-content/uploads", 0o2775);
    mode("wp-content/uploads/0", 0o1770);
    mode("wp-content/uploads/1/1.jpg", 0o400);
    mode("", 0o750);
    age(root, &mut 0);
}

/// Everything gets an owner, several of them.
fn own(root: &Path, path: &Path, depth: u32) {
    let owner = if path == root { 33 } else { [33, 1000, 82][depth as usize % 3] };
    lchown(path, Some(owner), Some(33)).expect("an owner");
    if path.is_dir() && !path.is_symlink() {
        for entry in fs::read_dir(path).expect("a folder") {
            own(root, &entry.expect("an entry").path(), depth + 1);
        }
    }
}

/// Everything gets a time of its own, the deepest first, since that touches what is above.
fn age(path: &Path, count: &mut u64) {
    if path.is_symlink() {
        return;
    }
    if path.is_dir() {
        let mut below: Vec<_> = fs::read_dir(path)
            .expect("a folder")
            .map(|entry| entry.expect("entry").path())
            .collect();
        below.sort();
        below.iter().for_each(|entry| age(entry, count));
    }
    *count += 1;
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000 + *count * 97, 123_456_789);
    File::open(path).and_then(|file| file.set_modified(time)).expect("a time");
}

/// Damages a site: files gone, changed, new ones in.
///
/// # Panics
/// If it cannot be written.
pub fn damage(root: &Path) {
    fs::remove_dir_all(root.join("wp-content/uploads/2")).expect("a folder to remove");
    fs::write(root.join("index.php"), b"<?php system($_GET['x']);\n").expect("a changed file");
    fs::write(root.join("hacked.php"), b"<?php evil();\n").expect("a new file");
    chown(root.join("hacked.php"), Some(33), Some(33)).expect("an owner");
    fs::rename(root.join("names"), root.join("renamed")).expect("a renamed folder");
}
