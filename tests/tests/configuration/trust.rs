//! Whom files and folders belong to, and who may change or read them.
//!
//! Needs: restic.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::Path,
};

use holdfast_job::Outcome;
use holdfast_tests::{Node, executor, output_of, program};

use super::{accepted, backup_into, configured, override_with, refusal};

#[test]
fn a_configuration_that_others_may_write_is_refused() {
    let node = configured();
    override_with(&node, "");
    let before = node.world();
    for file in ["etc/executor.toml", "etc/customers/42.toml", "etc/customers", "etc"] {
        let path = node.root().join(file);
        let was = mode_of(&path);
        for mode in [was | 0o020, was | 0o002] {
            set_mode(&path, mode);
            let said = refusal(&node);
            let shown = path.display();
            let expected = format!("{shown}: may be written by others than root: `chmod go-w` it");
            assert_eq!(said, expected);
            before.assert_untouched(&node, file);
        }
        set_mode(&path, was);
        chown(&path, Some(1000), None).expect("an owner");
        let said = refusal(&node);
        assert!(said.starts_with(&format!("{}: belongs to uid 1000", path.display())), "{said}");
        chown(&path, Some(0), None).expect("an owner");
    }
    accepted(&node);
}

#[test]
fn a_configuration_that_is_a_link_is_refused() {
    let node = configured();
    let file = node.root().join("etc/executor.toml");
    fs::rename(&file, node.root().join("etc/real.toml")).expect("a rename");
    symlink("real.toml", &file).expect("a link");
    let said = refusal(&node);
    assert!(said.contains("executor.toml: is a symbolic link"), "{said}");
}

#[test]
fn a_configuration_that_is_missing_is_asked_for() {
    let node = configured();
    fs::remove_file(node.root().join("etc/executor.toml")).expect("the file");
    let said = refusal(&node);
    assert!(said.contains("executor.toml: cannot be read"), "{said}");
    assert!(said.contains("executor.example.toml"), "{said}");
}

/// Makes the world untrustworthy in one way, tries an order, and makes it good again.
fn refuse_world(
    node: &Node,
    path: &Path,
    (key, says): (&str, &str),
    spoil: impl FnOnce(&Path),
    mend: impl FnOnce(&Path),
) {
    let call = backup_into(node, "derived");
    spoil(path);
    let spoilt = node.world();
    let ended = call.run();
    spoilt.assert_unchanged(node, says);
    mend(path);
    let said = ended.ended_as(Outcome::Failed).operator_message;
    let path = path.display().to_string();
    let clear = [path.as_str(), says].iter().all(|part| said.contains(part));
    assert!(clear, "{path} was answered with: {said}");
    assert!(said.contains(key), "the key `{key}` is not named: {said}");
}

#[test]
fn a_base_that_others_may_change_is_refused() {
    let node = configured();
    let base = node.base();
    let may_write = ("site.base", "may be written by others than root");
    for mode in [0o775, 0o757, 0o1777] {
        refuse_world(&node, &base, may_write, |p| set_mode(p, mode), |p| set_mode(p, 0o755));
    }
    let theirs = ("site.base", "belongs to uid 33");
    let own = |uid: u32| move |path: &Path| chown(path, Some(uid), None).expect("an owner");
    refuse_world(&node, &base, theirs, own(33), own(0));
}

#[test]
fn a_base_that_is_a_link_is_refused() {
    let node = configured();
    let real = node.root().join("customers/real");
    refuse_world(
        &node,
        &node.base(),
        ("site.base", "is a symbolic link"),
        |base| {
            fs::rename(base, &real).expect("a rename");
            symlink("real", base).expect("a link");
        },
        |base| {
            fs::remove_file(base).expect("the link");
            fs::rename(&real, base).expect("a rename");
        },
    );
}

#[test]
fn a_customers_folder_that_others_may_write_is_refused() {
    let node = configured();
    let folder = node.root().join("customers");
    let expected = ("node.customers", "may be written by others than root");
    refuse_world(&node, &folder, expected, |p| set_mode(p, 0o777), |p| set_mode(p, 0o755));
}

#[test]
fn a_master_secret_that_others_may_read_or_that_is_too_short_is_refused() {
    let node = configured();
    let secret = node.root().join("etc/master.secret");
    let key = "node.master_secret_file";
    for mode in [0o640, 0o604] {
        let open = (key, "holds a secret and is open to others");
        refuse_world(&node, &secret, open, |p| set_mode(p, mode), |p| set_mode(p, 0o600));
    }
    let write = |text: &'static str| move |path: &Path| fs::write(path, text).expect("a secret");
    let good = "ssssssssssssssssssssssssssssssssssssssssssssssss\n";
    let short = (key, "is shorter than 32 bytes");
    refuse_world(&node, &secret, short, write("a secret of 31 bytes is too sho\n"), write(good));
    refuse_world(&node, &secret, (key, "cannot be read"), |p| fs::remove_file(p).expect("gone"), {
        |path: &Path| {
            fs::write(path, good).expect("a secret");
            set_mode(path, 0o600);
        }
    });
}

#[test]
fn a_password_file_that_others_may_read_is_refused() {
    let node = configured();
    let password = node.root().join("etc/password");
    let open = ("repositories.manual.password_file", "holds a secret and is open to others");
    refuse_world(&node, &password, open, |p| set_mode(p, 0o644), |p| set_mode(p, 0o600));
}

#[test]
fn an_ssh_key_that_others_may_read_is_refused() {
    let node = configured();
    let key = node.root().join("etc/id_ed25519");
    let open = ("repositories.far.ssh.key", "holds a secret and is open to others");
    refuse_world(&node, &key, open, |p| set_mode(p, 0o640), |p| set_mode(p, 0o600));
}

#[test]
fn a_secret_is_not_told_while_it_is_open_to_others() {
    let node = configured();
    for (repository, file) in [("derived", "etc/master.secret"), ("manual", "etc/password")] {
        let path = node.root().join(file);
        let ask = || {
            let mut command = node.executor_with(&["repository-password", "42", repository]);
            let output = command.output().expect("the executor");
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            (output.status.code(), text(&output.stdout), text(&output.stderr))
        };
        let (code, password, _) = ask();
        assert!(code == Some(0) && password.len() > 20, "{repository}");
        set_mode(&path, 0o644);
        let (code, told, why) = ask();
        assert_eq!((code, told.as_str()), (Some(2), ""));
        assert!(why.contains(file) && why.contains("open to others"), "{why}");
        set_mode(&path, 0o600);
    }
}

#[test]
fn whoever_is_not_root_is_refused_before_anything_is_read() {
    let node = configured();
    let before = node.world();
    let copy = node.root().join("executor");
    output_of(program("/usr/bin/install").args(["-m", "0755"]).arg(executor()).arg(&copy));
    for verb in ["backup", "restore", "undo", "delete", "recover", "doctor"] {
        let mut command = program("/usr/bin/setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(&copy);
        let output = command
            .arg("--config")
            .arg(node.root().join("etc"))
            .arg(verb)
            .output()
            .expect("setpriv");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{verb}: {said}");
        assert!(said.contains("this must run as root"), "{verb}: {said}");
        assert!(output.stdout.is_empty(), "{verb}");
        before.assert_untouched(&node, verb);
    }
}

fn mode_of(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("a path").permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
}
