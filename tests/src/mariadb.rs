//! A private MariaDB server in a directory of its own: a socket, no network, no configuration file.
//!
//! What makes its data durable is as the server has it by default, so that killing it means what it
//! would mean elsewhere. What it has no need of is small, so that it starts in a fifth of a second.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Mutex, PoisonError},
    thread,
};

use crate::{
    Release, eventually, executor, node::copy_tree, output_of, program, remains, signal,
    signal::signal_if_there, wait,
};

/// A server that root may use without a password, through its socket alone; ended on drop, which
/// removes its folder unless the test has failed.
#[derive(Debug)]
pub struct MariaDb {
    folder: PathBuf,
    more: Vec<String>,
    release: Release,
    child: Option<Child>,
    pid: u32,
}

/// How the server is started, beside where. The paths are relative to its folder, so that nothing
/// on its command line names the folder: [`crate::Node::processes`] looks for what orders started,
/// and a server that is meant to be there is not one of them.
const OPTIONS: [&str; 18] = [
    "--no-defaults",
    "--user=root",
    "--datadir=./data",
    "--socket=../server.sock",
    "--pid-file=../server.pid",
    "--tmpdir=../tmp",
    "--skip-networking",
    "--skip-name-resolve",
    "--event-scheduler=ON",
    "--performance-schema=OFF",
    "--character-set-server=utf8mb4",
    "--open-files-limit=4000",
    "--max-connections=60",
    "--innodb-buffer-pool-size=32M",
    "--innodb-log-file-size=8M",
    "--innodb-data-file-path=ibdata1:10M:autoextend",
    "--key-buffer-size=1M",
    "--aria-pagecache-buffer-size=2M",
];

/// The longest path that the address of a unix socket can hold, by unix(7).
const LONGEST_SOCKET: usize = 107;

impl MariaDb {
    /// The site's schema.
    pub const SCHEMA: &str = "customer_42";

    /// The site's own account, which may do everything in its schema, and its password.
    pub const ACCOUNT: (&str, &str) = ("customer_42", "the site's own password");

    /// A second account, for grants; it may do nothing.
    pub const SECOND_ACCOUNT: &str = "report_42";

    /// Another tenant's schema, which no order for the site may touch.
    pub const CANARY: &str = "customer_43";

    /// Starts a server, empty but for what it needs itself, in `folder`, which is made.
    ///
    /// # Panics
    /// If it does not answer within a minute, or if the path of its socket would be too long.
    pub fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    /// The same with more options, which go before the usual ones.
    ///
    /// # Panics
    /// As above.
    pub fn start_with(folder: &Path, more: &[&str]) -> Self {
        Self::start_release(folder, more, Release::of_machine())
    }

    /// The same of another series.
    ///
    /// # Panics
    /// As above.
    pub fn start_release(folder: &Path, more: &[&str], release: Release) -> Self {
        let socket = folder.join("server.sock");
        let length = socket.as_os_str().len();
        assert!(length <= LONGEST_SOCKET, "{length} bytes are too many: {}", socket.display());
        fs::create_dir_all(folder.join("tmp")).expect("a folder");
        copy_tree(&template(&release), &folder.join("data"));
        let more = more.iter().map(|option| (*option).to_owned()).collect();
        let mut server = Self { folder: folder.to_owned(), more, release, child: None, pid: 0 };
        server.spawn();
        server
    }

    /// The same with the site's empty schema and account, a second account, and another tenant's
    /// schema with something in it: see [`MariaDb::canary`].
    pub fn with_tenants(folder: &Path) -> Self {
        Self::with_tenants_and(folder, &[])
    }

    /// The same with more options of the server.
    pub fn with_tenants_and(folder: &Path, more: &[&str]) -> Self {
        Self::release_with_tenants(folder, more, Release::of_machine())
    }

    /// The same of another series.
    pub fn release_with_tenants(folder: &Path, more: &[&str], release: Release) -> Self {
        let server = Self::start_release(folder, more, release);
        let ((account, password), second) = (Self::ACCOUNT, Self::SECOND_ACCOUNT);
        let (schema, canary) = (Self::SCHEMA, Self::CANARY);
        let pattern = schema.replace('_', "\\_");
        server.query(&format!(
            "CREATE DATABASE {schema} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
             CREATE USER '{account}'@'localhost' IDENTIFIED BY \"{password}\";
             GRANT ALL ON `{pattern}`.* TO '{account}'@'localhost';
             CREATE USER '{second}'@'localhost' IDENTIFIED BY '{second}';
             CREATE DATABASE {canary} CHARACTER SET utf8mb4;
             CREATE TABLE {canary}.birds (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40));
             INSERT INTO {canary}.birds (name) VALUES ('Tweety'), ('Woodstock'), ('Zazu 🐦');
             CREATE USER '{canary}'@'localhost' IDENTIFIED BY '{canary}';
             GRANT ALL ON `customer\\_43`.* TO '{canary}'@'localhost';"
        ));
        server
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("server.sock")
    }

    /// Where it keeps its data.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The process, also while it is not running: then the latest.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What the server has said since it was started the first time.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.join("log")).unwrap_or_default()).into_owned()
    }

    /// Kills it, with no chance to write anything more, and waits for its end.
    ///
    /// # Panics
    /// If that fails.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a signal");
            child.wait().expect("its end");
        }
    }

    /// Ends it in order.
    ///
    /// # Panics
    /// If it has not ended within a minute.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            signal("TERM", &child.id().to_string());
            let status = eventually("the server's end", || child.try_wait().expect("a child"));
            assert!(status.success(), "mariadbd: {status}\n{}", self.log());
        }
    }

    /// Starts it again after it was stopped, was killed or is being killed by somebody else, and
    /// waits until it answers.
    ///
    /// # Panics
    /// If it does not answer within a minute.
    pub fn start_again(&mut self) {
        if let Some(mut child) = self.child.take() {
            eventually("the server's end", || child.try_wait().expect("a child"));
        }
        self.spawn();
    }

    /// What root is told: a line a row, its values separated by tabs; a line end, a tab and a
    /// backslash in a value have a backslash before them, as `mariadb --batch` has it.
    ///
    /// # Panics
    /// If a statement fails; what the client said is then printed.
    pub fn query(&self, sql: &str) -> String {
        self.try_query(sql).unwrap_or_else(|said| panic!("{said}\n{sql}"))
    }

    /// The same, or what the client said.
    ///
    /// # Errors
    /// If a statement fails; those after it are not tried.
    pub fn try_query(&self, sql: &str) -> Result<String, String> {
        Self::run(&mut self.client(), sql.as_bytes())
    }

    /// What the site's own account is told.
    ///
    /// # Errors
    /// If a statement fails; those after it are not tried.
    pub fn try_query_as_site(&self, sql: &str) -> Result<String, String> {
        let (account, password) = Self::ACCOUNT;
        let mut client = self.client();
        client.env("MYSQL_PWD", password).arg(format!("--user={account}")).arg(Self::SCHEMA);
        Self::run(&mut client, sql.as_bytes())
    }

    /// Feeds a dump to the client, as root, in this schema.
    ///
    /// # Panics
    /// If a statement fails.
    pub fn load(&self, schema: &str, sql_text: &[u8]) {
        let said = Self::run(self.client().arg(schema), sql_text);
        said.unwrap_or_else(|said| panic!("{schema}: {said}"));
    }

    /// The client as root, quiet and in lines, reading statements from its stdin. A later
    /// `--socket` overrides the server's own, for instance with a proxy's.
    pub fn client(&self) -> Command {
        let mut client = program("/usr/bin/mariadb");
        client
            .args(["--no-defaults", "--batch", "--skip-column-names", "--binary-mode"])
            .args(["--comments", "--default-character-set=utf8mb4", "--local-infile=0"])
            .arg("--socket")
            .arg(self.socket());
        client
    }

    /// Everything in the other tenant's schema, and what each account may do: for a comparison.
    pub fn canary(&self) -> String {
        let canary = Self::CANARY;
        self.query(&format!(
            "SELECT * FROM {canary}.birds ORDER BY id; SHOW CREATE TABLE {canary}.birds;
             SHOW TABLES FROM {canary}; SHOW CREATE DATABASE {canary};
             SELECT * FROM mysql.db ORDER BY Db, User, Host;
             SELECT * FROM mysql.global_priv ORDER BY User, Host;
             SHOW DATABASES"
        ))
    }

    /// Runs a client, such as [`MariaDb::client`] with more arguments, on these statements.
    ///
    /// # Errors
    /// What it said, if it does not succeed.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn run(client: &mut Command, sql_text: &[u8]) -> Result<String, String> {
        let client = client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = client.spawn().expect("mariadb");
        let mut stdin = child.stdin.take().expect("a pipe");
        let (written, ended): (_, Output) = thread::scope(|scope| {
            let written = scope.spawn(move || stdin.write_all(sql_text));
            let ended = child.wait_with_output().expect("its end");
            (written.join().expect("a thread"), ended)
        });
        let errors = String::from_utf8_lossy(&ended.stderr);
        match ended.status.success() {
            true => written.expect("all statements read"),
            false => return Err(format!("{}: {}", ended.status, errors.trim_end())),
        }
        Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
    }

    fn spawn(&mut self) {
        let log = File::options().create(true).append(true).open(self.folder.join("log"));
        let mut server = program(self.release.server());
        server.args(OPTIONS).args(self.release.options()).args(&self.more);
        server.current_dir(&self.folder);
        server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.expect("a log"));
        let child = self.child.insert(server.spawn().expect("mariadbd"));
        self.pid = child.id();
        let socket = self.socket();
        eventually("an answer of mariadbd", || {
            let child = self.child.as_mut().expect("just started");
            let ended = child.try_wait().expect("a child");
            assert!(ended.is_none(), "mariadbd: {ended:?}\n{}", self.log());
            // A client is not started each time: that would take what the server needs to begin.
            UnixStream::connect(&socket).ok()?;
            self.try_query("SELECT 1").ok()
        });
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let running = |child: &mut Child| matches!(child.try_wait(), Ok(None));
            if running(&mut child) {
                signal_if_there("TERM", child.id());
            }
            if remains(wait::DEADLINE, || running(&mut child)) {
                let _ = child.kill();
            }
            let _ = child.wait();
        }
        if !thread::panicking() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// The data of a server that was never started, which takes a second to make: it is kept beside
/// what cargo builds, for the next run too, and as large as a copy of it.
///
/// It comes into being whole, by a rename, so that programs may race to make it.
fn template(release: &Release) -> PathBuf {
    static MADE: Mutex<()> = Mutex::new(());
    let _alone = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let said = output_of(program(release.server()).args(["--no-defaults", "--version"]));
    let version = said.split_whitespace().skip_while(|word| *word != "Ver").nth(1);
    let version = version.unwrap_or_else(|| panic!("no version in {said}"));
    let built = executor().parent().expect("a folder").to_owned();
    let template = built.join(format!("holdfast-mariadb-{version}"));
    if !template.is_dir() {
        let new = built.join(format!("holdfast-mariadb-{version}.{}", std::process::id()));
        make_data(release, &new);
        match fs::rename(&new, &template) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {
                fs::remove_dir_all(&new).expect("the later of two removed");
            }
            renamed => renamed.expect("a template"),
        }
    }
    template
}

fn make_data(release: &Release, new: &Path) {
    // In one word: it passes over `--datadir` alone, and looks at the system's own data.
    let datadir = format!("--datadir={}", new.display());
    let innodb = OPTIONS.iter().filter(|option| option.starts_with("--innodb-"));
    let Some(system_tables) = release.system_tables() else {
        let mut install = program("/usr/bin/mariadb-install-db");
        install.args(["--no-defaults", "--user=root", "--skip-test-db"]);
        install.args(["--auth-root-authentication-method=socket", "--force"]);
        install.args(["--auth-root-socket-user=root", "--skip-name-resolve"]).args(innodb);
        output_of(install.arg(datadir));
        return;
    };
    fs::create_dir_all(new).expect("a folder");
    let mut bootstrap = program(release.server());
    bootstrap.args(["--no-defaults", "--user=root", "--bootstrap"]).args(release.options());
    bootstrap.args(innodb).arg(datadir);
    MariaDb::run(&mut bootstrap, system_tables.as_bytes()).expect("the system's tables");
}
