//! A private php-fpm with opcache and one pool, behind a socket.

use std::{
    fs,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use crate::{eventually, program};

/// A master and its pool `shop`, whose processes are the owner's of sample sites; ended on drop.
#[derive(Debug)]
pub struct Php {
    folder: PathBuf,
    settings: Vec<String>,
    child: Option<Child>,
}

impl Php {
    /// Starts one whose configuration is in `folder` as Debian has it in `/etc/php`, with these settings
    /// of PHP, such as `opcache.validate_timestamps=0`.
    ///
    /// # Panics
    /// If it does not answer within a minute.
    pub fn start(folder: &Path, settings: &[&str]) -> Self {
        let pools = folder.join("8.2/fpm/pool.d");
        fs::create_dir_all(&pools).expect("a folder");
        let here = folder.display();
        let pool = format!(
            "[shop]\nuser = www-data\ngroup = www-data\nlisten = {here}/$pool.sock\n\
             pm = static\npm.max_children = 2\n"
        );
        fs::write(pools.join("shop.conf"), pool).expect("a pool");
        let global = format!(
            "[global]\nerror_log = {here}/log\npid = {here}/pid\ndaemonize = no\n\
             include = {here}/8.2/fpm/pool.d/*.conf\n"
        );
        fs::write(folder.join("fpm.conf"), global).expect("a configuration");
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let mut php = Self { folder: folder.to_owned(), settings, child: None };
        php.run();
        php
    }

    fn run(&mut self) {
        let mut fpm = program(newest());
        // Its folder is named by nothing that runs: see `Node::processes`.
        fpm.current_dir(&self.folder).args(["-n", "-F", "-p", ".", "-y", "fpm.conf"]);
        let usual = [
            "zend_extension=opcache",
            "opcache.enable=1",
            "opcache.revalidate_freq=0",
            "opcache.file_update_protection=0",
        ];
        for setting in usual.into_iter().chain(self.settings.iter().map(String::as_str)) {
            fpm.args(["-d", setting]);
        }
        fpm.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(fpm.spawn().expect("php-fpm"));
        eventually("an answer of php-fpm", || UnixStream::connect(self.socket()).ok());
    }

    /// Ends it and starts it anew: it has compiled nothing then.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub fn restart(&mut self) {
        self.end();
        self.run();
    }

    /// The socket of its pool.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("shop.sock")
    }

    /// What an nginx has in a `server` to run PHP by it.
    pub fn location(&self) -> String {
        format!(
            "location ~ \\.php$ {{ fastcgi_pass unix:{};\n\
             fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;\n\
             fastcgi_param REQUEST_METHOD $request_method;\n\
             fastcgi_param QUERY_STRING $query_string; }}",
            self.socket().display()
        )
    }

    fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            // SIGTERM, by which the master ends its pool as well.
            let _ = program("/usr/bin/kill").arg(child.id().to_string()).status();
            let _ = child.wait();
        }
        let _ = fs::remove_file(self.socket());
    }
}

/// Debian's php-fpm of whichever version is installed.
fn newest() -> PathBuf {
    let programs = fs::read_dir("/usr/sbin").expect("/usr/sbin").flatten();
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let found = programs.map(|entry| entry.path()).filter(|path| name(path).starts_with("php-fpm"));
    found.max().expect("php-fpm: scripts/setup php-fpm")
}

impl Drop for Php {
    fn drop(&mut self) {
        self.end();
    }
}
