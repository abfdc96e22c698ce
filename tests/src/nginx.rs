//! A private nginx on the loopback address, which closes a site as `.maintenance` says and lets the
//! probe in by its secret.

use std::{
    fs,
    net::TcpStream,
    path::Path,
    process::{Child, Stdio},
};

use crate::{eventually, free_port, program};

/// A server of one site; ended on drop.
#[derive(Debug)]
pub struct Nginx {
    port: u16,
    child: Child,
}

impl Nginx {
    /// Serves `live` of the site in `base`; its own files are in `folder`, which is made.
    ///
    /// # Panics
    /// If it does not answer within a minute.
    pub fn start(folder: &Path, site: (&Path, &Path), secret: &str) -> Self {
        Self::start_with(folder, site, secret, "")
    }

    /// The same with more lines for the site's `server`.
    ///
    /// # Panics
    /// As above.
    pub fn start_with(
        folder: &Path,
        (base, live): (&Path, &Path),
        secret: &str,
        more: &str,
    ) -> Self {
        fs::create_dir(folder).expect("a folder");
        let (port, here) = (free_port(), folder.display());
        let (base, live) = (base.display(), live.display());
        let temporary = temporary_folders(folder);
        // The rules as they are shipped, but for where the probe's secret stands.
        let probe = folder.join("probe.nginx");
        fs::write(&probe, format!("\"~^(127\\.0\\.0\\.1|::1) {secret}$\" 1;\n")).expect("a file");
        let shipped = include_str!("../../nginx/holdfast.conf");
        let rules = shipped.replace("/etc/holdfast/probe.nginx", &probe.display().to_string());
        assert_ne!(rules, shipped, "where the secret stands");
        fs::write(folder.join("holdfast.conf"), rules).expect("a file");
        let site = include_str!("../../nginx/holdfast-site.conf");
        fs::write(folder.join("holdfast-site.conf"), site).expect("a file");
        let config = format!(
            "user root;\nworker_processes 1;\ndaemon off;\nmaster_process off;\npid {here}/pid;\n\
             error_log {here}/log;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}\n\
             include {here}/holdfast.conf;\nserver {{\nlisten 127.0.0.1:{port};\nroot {live};\n\
             set $holdfast_base {base};\ninclude {here}/holdfast-site.conf;\n\
             location = /its-own-503 {{ return 503 \"its own\"; }}\n{more}\n}}\n}}\n"
        );
        Self::run(folder, port, &config)
    }

    fn run(folder: &Path, port: u16, config: &str) -> Self {
        fs::write(folder.join("nginx.conf"), config).expect("a configuration");
        let mut nginx = program("/usr/sbin/nginx");
        // Its folder is named by nothing that runs: see `Node::processes`.
        nginx.current_dir(folder).args(["-e", "log", "-p", ".", "-c", "nginx.conf"]);
        nginx.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = nginx.spawn().expect("nginx");
        let server = Self { port, child };
        eventually("an answer of nginx", || TcpStream::connect(("127.0.0.1", port)).ok());
        server
    }

    /// One that serves `live`, and whose `server` has no line of ours.
    ///
    /// # Panics
    /// As above.
    pub fn start_bare(folder: &Path, live: &Path) -> Self {
        fs::create_dir(folder).expect("a folder");
        let (port, here) = (free_port(), folder.display());
        let config = format!(
            "user root;\nworker_processes 1;\ndaemon off;\nmaster_process off;\npid {here}/pid;\n\
             error_log {here}/log;\nevents {{}}\nhttp {{\naccess_log off;\n{}\n\
             server {{\nlisten 127.0.0.1:{port};\nroot {};\n}}\n}}\n",
            temporary_folders(folder),
            live.display()
        );
        Self::run(folder, port, &config)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of a page.
    pub fn url(&self, page: &str) -> String {
        format!("http://127.0.0.1:{}/{page}", self.port)
    }

    /// The status that a visitor gets.
    ///
    /// # Panics
    /// If curl does not run.
    pub fn status(&self, page: &str) -> String {
        let args = ["--output", "/dev/null", "--write-out", "%{http_code}"];
        self.curl(page, &args)
    }

    /// What curl says of a page, with these arguments.
    ///
    /// # Panics
    /// If it does not run.
    pub fn curl(&self, page: &str, args: &[&str]) -> String {
        let mut curl = program("/usr/bin/curl");
        crate::output_of(curl.arg("--silent").args(args).arg(self.url(page)))
    }
}

/// Where it keeps what it is sent.
fn temporary_folders(folder: &Path) -> String {
    let here = folder.display();
    ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {here}/{kind};"))
        .concat()
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
