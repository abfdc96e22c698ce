//! A private sshd on the loopback address: its own keys, its own configuration, a free port.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use crate::{eventually, output_of, program};

/// A server that root may use by one key, for files alone; ended on drop.
#[derive(Debug)]
pub struct Sshd {
    folder: PathBuf,
    port: u16,
    child: Child,
}

impl Sshd {
    /// Starts one whose files are in `folder`, which is made.
    pub fn start(folder: &Path) -> Self {
        fs::create_dir(folder).expect("a folder");
        // sshd wants it and leaves it empty; Debian makes it at boot.
        fs::create_dir_all("/run/sshd").expect("/run/sshd");
        for key in ["host_key", "key"] {
            let mut keygen = program("/usr/bin/ssh-keygen");
            output_of(keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.join(key)));
        }
        fs::copy(folder.join("key.pub"), folder.join("authorized_keys")).expect("a copy");
        let port = free_port();
        let public = fs::read_to_string(folder.join("host_key.pub")).expect("a key");
        fs::write(folder.join("known_hosts"), format!("[127.0.0.1]:{port} {public}"))
            .expect("known hosts");
        let here = folder.display();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {here}/host_key\n\
             AuthorizedKeysFile {here}/authorized_keys\nPidFile none\nUsePAM no\nStrictModes no\n\
             PermitRootLogin prohibit-password\nPasswordAuthentication no\n\
             Subsystem sftp internal-sftp\nForceCommand internal-sftp\n"
        );
        fs::write(folder.join("sshd_config"), config).expect("a configuration");
        let mut sshd = program("/usr/sbin/sshd");
        sshd.args(["-D", "-e", "-f"]).arg(folder.join("sshd_config"));
        let log = fs::File::create(folder.join("log")).expect("a log");
        let child = sshd.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let server = Self { folder: folder.to_owned(), port, child: child.expect("sshd") };
        eventually("an answer of sshd", || TcpStream::connect(("127.0.0.1", port)).ok());
        server
    }

    /// The port it listens to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The private key that it lets in.
    pub fn key(&self) -> PathBuf {
        self.folder.join("key")
    }

    /// A file by which a client knows it.
    pub fn known_hosts(&self) -> PathBuf {
        self.folder.join("known_hosts")
    }
}

/// A port that nobody listens to at this moment.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a socket");
    listener.local_addr().expect("an address").port()
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
