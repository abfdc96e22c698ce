//! A restic repository that was made beforehand and opens in no time.
//!
//! restic makes a key as costly as half a second of this machine's work, and pays that at each opening:
//! nothing that a test of ours is about. The repository here is restic's own, by its own `init`; only its
//! key file is another one, for the same master key and the same password, with the lowest cost that
//! restic accepts. restic reads the cost from the key file (`internal/repository/key.go`).

use std::{
    fs::{self, Permissions},
    io::{ErrorKind, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    sync::OnceLock,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    node::{built, copy_tree, program, restic},
    output_of,
};

/// scrypt's cost: N, r and p. The lowest that restic takes.
const COST: [u32; 3] = [2, 1, 1];
/// scrypt's salt and the nonce of the encryption; they guard nothing here.
const SALT: [u8; 64] = [7; 64];
const NONCE: [u8; 16] = [9; 16];

/// Makes `place` a new repository with this password.
///
/// # Panics
/// If restic or openssl cannot make one.
pub fn place_repository(place: &Path, password: &str) {
    copy_tree(template(password), place);
}

/// The repository that is copied. It is kept beside what cargo builds, for the next run too.
///
/// It comes into being whole, by a rename, so that programs may race to make it.
fn template(password: &str) -> &'static Path {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let said = output_of(program(restic()).arg("version"));
        let version = said.split_whitespace().nth(1).expect("a version").to_owned();
        let beside = built("holdfast-executor");
        let folder = beside.parent().expect("a folder");
        let template = folder.join(format!("holdfast-repository-{version}"));
        if !template.is_dir() {
            let new = folder.join(format!("holdfast-repository-{version}.{}", std::process::id()));
            make(&new, password);
            match fs::rename(&new, &template) {
                Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {
                    fs::remove_dir_all(&new).expect("the later of two removed");
                }
                renamed => renamed.expect("a template"),
            }
        }
        template
    })
}

fn make(place: &Path, password: &str) {
    let told = |words: &[&str]| {
        let mut command = program(restic());
        command.args(["--no-cache", "--repo"]).arg(place).args(words);
        output_of(command.env("RESTIC_PASSWORD", password))
    };
    told(&["init"]);
    let master = told(&["cat", "masterkey"]);
    let master: Value = serde_json::from_str(&master).expect("a master key");
    let keys = place.join("keys");
    for key in fs::read_dir(&keys).expect("the keys") {
        fs::remove_file(key.expect("a key").path()).expect("the costly key removed");
    }
    let key = cheap_key(password, &serde_json::to_vec(&master).expect("a text"));
    let name = openssl(&["dgst", "-sha256", "-binary"], &key);
    let file = keys.join(hex(&name));
    fs::write(&file, key).expect("a key");
    fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("a mode");
    // The cheap key opens it, or every test would say so in its own way.
    told(&["cat", "config"]);
}

/// A key file, as restic's design document ("Keys, Encryption and MAC") has it: scrypt of the password
/// gives 32 bytes for AES-256-CTR and 16 and 16 for Poly1305-AES.
fn cheap_key(password: &str, master: &[u8]) -> Vec<u8> {
    let [n, r, p] = COST;
    let derived = openssl(
        &[
            "kdf",
            "-binary",
            "-keylen",
            "64",
            "-kdfopt",
            &format!("pass:{password}"),
            "-kdfopt",
            &format!("hexsalt:{}", hex(&SALT)),
            "-kdfopt",
            &format!("n:{n}"),
            "-kdfopt",
            &format!("r:{r}"),
            "-kdfopt",
            &format!("p:{p}"),
            "SCRYPT",
        ],
        b"",
    );
    let (encrypting, signing) = derived.split_at(32);
    let (aes, poly) = signing.split_at(16);
    let cipher = ["enc", "-aes-256-ctr", "-K", &hex(encrypting), "-iv", &hex(&NONCE)];
    let sealed = openssl(&cipher, master);
    let once = openssl(&["enc", "-aes-128-ecb", "-nopad", "-K", &hex(aes)], &NONCE);
    let key = format!("hexkey:{}{}", hex(poly), hex(&once));
    let mac = openssl(&["mac", "-binary", "-macopt", &key, "-in", "-", "POLY1305"], &sealed);
    let data = [&NONCE[..], &sealed, &mac].concat();
    let key = json!({
        "created": "2026-01-01T00:00:00Z", "username": "root", "hostname": "tests", "kdf": "scrypt",
        "N": n, "r": r, "p": p, "salt": STANDARD.encode(SALT), "data": STANDARD.encode(data),
    });
    serde_json::to_vec(&key).expect("a text")
}

fn openssl(words: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = program("/usr/bin/openssl");
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("openssl");
    child.stdin.take().expect("a pipe").write_all(input).expect("its input read");
    let ended = child.wait_with_output().expect("openssl");
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "openssl {words:?}: {errors}");
    ended.stdout
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
