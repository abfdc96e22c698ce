//! The web side's key: a pair made by chance, its public half installed on a node.

use std::{
    fs::{self, File},
    io::Read,
    path::PathBuf,
};

use ed25519_dalek::{Signer as _, SigningKey};
use holdfast_job::{KeyId, PublicKey, Request, Ticket};

use crate::Node;

/// Whoever holds this may order.
pub struct Signer {
    id: KeyId,
    secret: SigningKey,
    file: PathBuf,
}

impl Signer {
    /// A new key of this name, believed by this node.
    ///
    /// # Panics
    /// If it cannot be made or installed.
    pub fn new(node: &Node, id: &str) -> Self {
        let mut secret = [0; 32];
        let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut secret));
        read.expect("random bytes");
        let folder = node.root().join("etc/ticket-keys");
        fs::create_dir_all(&folder).expect("the folder of keys");
        let signer = Self {
            id: id.parse().expect("a key id"),
            secret: SigningKey::from_bytes(&secret),
            file: folder.join(format!("{id}.pub")),
        };
        signer.install();
        signer
    }

    /// Writes its public half into the node's folder, as an operator would.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn install(&self) {
        fs::write(&self.file, format!("{}\n", self.public())).expect("a public key");
    }

    /// Takes its public half out of the node's folder.
    ///
    /// # Panics
    /// If it is not there.
    pub fn withdraw(&self) {
        fs::remove_file(&self.file).expect("a public key");
    }

    /// Where its public half is.
    pub fn file(&self) -> PathBuf {
        self.file.clone()
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        PublicKey::new(self.secret.verifying_key().to_bytes())
    }

    /// Its name.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// The ticket of a request, as a line with its end.
    ///
    /// # Panics
    /// If the request cannot be written.
    pub fn sign(&self, request: &Request) -> Vec<u8> {
        line_of(&self.ticket(&serde_json::to_string(request).expect("a request")))
    }

    /// The ticket of a text that says it is a request.
    pub fn ticket(&self, request: &str) -> Ticket {
        let signature = self.sign_bytes(&Ticket::signed_bytes(&self.id, request));
        Ticket::new(self.id.clone(), request.to_owned(), signature)
    }

    /// The signature on any bytes.
    pub fn sign_bytes(&self, bytes: &[u8]) -> [u8; 64] {
        self.secret.sign(bytes).to_bytes()
    }
}

/// A ticket as the executor reads it.
pub fn line_of(ticket: &Ticket) -> Vec<u8> {
    format!("{}\n", ticket.to_line()).into_bytes()
}
