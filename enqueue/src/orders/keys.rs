//! The key that signs orders. Its secret half is the web user's alone; executors have the public one.

use std::{
    fs::{self, OpenOptions},
    io::{Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use ed25519_dalek::{Signer as _, SigningKey};
use holdfast_job::{KeyId, PublicKey, Request, Ticket};
use holdfast_store::read_secret;

/// Signs orders. The secret is never shown.
pub struct Signer {
    id: KeyId,
    key: SigningKey,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.id)
    }
}

impl Signer {
    /// Reads `<id>.key`: 64 hexadecimal digits.
    ///
    /// # Errors
    /// A sentence that says what to do about the file.
    pub fn load(file: &Path) -> anyhow::Result<Self> {
        let how = "make one with `holdfast-enqueue keygen`";
        let name = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let id = name
            .parse()
            .with_context(|| format!("{}: the file's name is the key's: {how}", file.display()))?;
        let secret = read_secret(file)
            .with_context(|| format!("{}: cannot be read; {how}", file.display()))?;
        let own_file = secret.own_file.clone();
        let text = secret.text().unwrap_or_default();
        // A secret has the form of a public key: 32 bytes.
        let Ok(key) = text.trim_end().parse::<PublicKey>() else {
            bail!("{}: is no key: {how}", file.display());
        };
        if let Some(file) = own_file
            && fs::metadata(&file)?.permissions().mode() & 0o077 != 0
        {
            bail!("{}: who reads it may order anything: `chmod 600` it", file.display());
        }
        Ok(Self { id, key: SigningKey::from_bytes(key.bytes()) })
    }

    /// The request as a ticket, on one line.
    ///
    /// # Errors
    /// If the request cannot be written, which no request of ours does.
    pub fn sign(&self, request: &Request) -> Result<String, serde_json::Error> {
        let request = serde_json::to_string(request)?;
        let signature = self.key.sign(&Ticket::signed_bytes(&self.id, &request));
        Ok(Ticket::new(self.id.clone(), request, signature.to_bytes()).to_line())
    }
}

/// Makes a new key: `<id>.key`, readable by its owner alone, and `<id>.pub` in `folder`. Returns both
/// paths.
///
/// # Errors
/// If one of the files is there already, or cannot be written.
pub fn generate(id: &KeyId, folder: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    let mut secret = [0; 32];
    fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut secret))?;
    let public = SigningKey::from_bytes(&secret).verifying_key().to_bytes();
    let write = |ending: &str, mode: u32, bytes: [u8; 32]| {
        let path = folder.join(format!("{id}.{ending}"));
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
        file.and_then(|mut file| writeln!(file, "{}", PublicKey::new(bytes)))
            .with_context(|| path.display().to_string())?;
        Ok::<_, anyhow::Error>(path)
    };
    let public = write("pub", 0o644, public)?;
    match write("key", 0o600, secret) {
        Ok(secret) => Ok((secret, public)),
        // No half of a pair.
        Err(problem) => {
            fs::remove_file(&public)?;
            Err(problem)
        }
    }
}
