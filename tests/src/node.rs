//! A private node: its configuration, its customers' folder, its repositories, in one directory.

use std::{
    ffi::OsStr,
    fs::{self, DirBuilder, File},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use holdfast_job::{
    Backup, Delete, JobId, Label, Order, Restore, Scope, SnapshotId, Undo, UndoCopy,
};

use crate::{Call, Tree, eventually, fill_site, place_repository};

/// A private node with one customer, [`Node::ID`], whose site is not there yet.
#[derive(Debug)]
pub struct Node {
    root: PathBuf,
    executor: PathBuf,
    keep_clean: bool,
}

/// The password of every repository in the tests.
const PASSWORD: &str = "correct horse battery staple";

static COUNT: AtomicU32 = AtomicU32::new(0);

/// The shipped executor.
pub fn executor() -> PathBuf {
    built("holdfast-executor")
}

/// The executor of the tests, which can be told to fail, wait or repeat.
pub fn rehearsal() -> PathBuf {
    built("holdfast-rehearsal")
}

/// A program of the workspace, beside the one that runs: `deps` is below the folder for tests.
pub fn built(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("our own path");
    let folder = own.ancestors().skip(1).find(|folder| folder.join(name).is_file());
    let folder = folder.unwrap_or_else(|| {
        panic!("no {name} near {}: `cargo build --workspace` makes it", own.display())
    });
    folder.join(name)
}

/// The restic that `scripts/rooted` has put where only root may write; else the project's own.
pub fn restic() -> PathBuf {
    if let Some(rooted) = std::env::var_os("HOLDFAST_TEST_RESTIC") {
        return rooted.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project");
    let restic = root.join(".tools/bin/restic");
    #[expect(clippy::disallowed_methods, reason = "no customer's tree: the executor wants no link")]
    let real = fs::canonicalize(&restic);
    real.unwrap_or_else(|error| panic!("{}: {error}: run scripts/test", restic.display()))
}

/// A program for the tests.
pub fn program(path: impl AsRef<OsStr>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the one place where tests start programs")]
    let mut command = Command::new(path);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C");
    command
}

impl Node {
    /// The customer's number.
    pub const ID: u32 = 42;
    /// The node's name.
    pub const NAME: &str = "test-1";
    /// The worker's user.
    pub const WORKER: &str = "nobody";

    /// A node below the system's folder for temporary files.
    pub fn new() -> Self {
        Self::within(&std::env::temp_dir())
    }

    /// A node below `place`, for instance a file system of the test's own.
    pub fn within(place: &Path) -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let root = place.join(format!("holdfast-test-{}-{number:04}", std::process::id()));
        let folder = |path: &str| {
            DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(root.join(path))
                .expect("a folder");
        };
        ["etc/customers", "etc/ticket-keys", "customers/customer-42", "repositories"]
            .into_iter()
            .for_each(folder);
        let node = Self { root, executor: executor(), keep_clean: true };
        place_repository(&node.repository(), PASSWORD);
        node.secret("etc/master.secret", &"s".repeat(48));
        node.secret("etc/password", PASSWORD);
        node.configure("", "");
        node
    }

    /// A node whose customer has the sample site.
    pub fn with_site() -> Self {
        let node = Self::new();
        fill_site(&node.live());
        node
    }

    /// The same whose orders another build of the executor carries out.
    pub fn carried_out_by(mut self, executor: PathBuf) -> Self {
        self.executor = executor;
        self
    }

    /// The executor that carries out its orders.
    pub(crate) fn executor(&self) -> &Path {
        &self.executor
    }

    /// Everything is in here.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The customer's base directory.
    pub fn base(&self) -> PathBuf {
        self.root.join("customers/customer-42")
    }

    /// The one source, `web`.
    pub fn live(&self) -> PathBuf {
        self.base().join("public")
    }

    /// The repository `manual`.
    pub fn repository(&self) -> PathBuf {
        self.root.join("repositories/customer-42")
    }

    /// The maintenance flag.
    pub fn flag(&self) -> PathBuf {
        self.base().join(".maintenance")
    }

    /// The journal of a job.
    pub fn journal(&self, job: JobId) -> PathBuf {
        self.root.join(format!("state/journals/customer-42/{job}.journal"))
    }

    /// Writes a root-only file.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn secret(&self, path: &str, content: &str) {
        let mut options = File::options();
        let file = options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = file.open(self.root.join(path)).expect("a secret file");
        writeln!(file, "{content}").expect("a secret");
    }

    /// Writes the configuration: the usual one, with more for `[site]` and more at the end.
    pub fn configure(&self, site: &str, rest: &str) {
        self.configure_with(&restic(), site, rest);
    }

    /// The usual configuration with the database `shop` of the customer, behind this socket.
    pub fn configure_database(&self, socket: &Path, rest: &str) {
        self.secret("etc/mariadb.toml", "user = \"root\"");
        let (socket, root) = (socket.display(), self.root.display());
        let database = format!(
            "[[site.databases]]\nid = \"shop\"\nname = \"Shop\"\nsocket = \"{socket}\"\n\
             credentials_file = \"{root}/etc/mariadb.toml\"\n{rest}"
        );
        self.configure("", &database);
    }

    /// The same with another restic.
    pub fn configure_with(&self, restic: &Path, site: &str, rest: &str) {
        self.configure_all(restic, "", site, rest);
    }

    /// The same with more for `[node]`, such as doubles of the database's programs.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn configure_all(&self, restic: &Path, node: &str, site: &str, rest: &str) {
        let (root, restic) = (self.root.display(), restic.display());
        let (name, worker) = (Self::NAME, Self::WORKER);
        let reserve = if site.contains("reserve") { "" } else { "reserve = 0" };
        let free = if site.contains("undo_min_free") { "" } else { "undo_min_free = 0" };
        // Nothing of this machine's own is looked at.
        let elsewhere = ["nginx", "php", "mariadb_socket"]
            .into_iter()
            .filter(|key| !node.lines().any(|line| line.starts_with(&format!("{key} ="))))
            .map(|key| format!("{key} = \"{root}/no-{key}\"\n"))
            .collect::<String>();
        let source = match site.contains("[[site.files]]") {
            true => String::new(),
            false => format!(
                "[[site.files]]\nid = \"web\"\nname = \"Website\"\n\
                 path = \"{root}/customers/customer-{{id}}/public\"\n"
            ),
        };
        let repository = match rest.contains("[repositories.manual]") {
            true => {
                self.leave_prepared_repository();
                String::new()
            }
            false => format!(
                "[repositories.manual]\nurl = \"{root}/repositories/customer-{{id}}\"\n\
                 password_file = \"{root}/etc/password\"\n"
            ),
        };
        let text = format!(
            "version = 1\n[node]\nname = \"{name}\"\nstate = \"{root}/state\"\n\
             cache = \"{root}/cache\"\ncustomers = \"{root}/customers\"\nrestic = \"{restic}\"\n\
             master_secret_file = \"{root}/etc/master.secret\"\nworker_user = \"{worker}\"\n\
             ticket_keys = \"{root}/etc/ticket-keys\"\nlock_wait_seconds = 0\n{elsewhere}{node}\n[site]\nbase = \"{root}/customers/customer-{{id}}\"\n\
             {reserve}\n{free}\n{site}\n{source}\n{rest}\n{repository}"
        );
        self.secret("etc/executor.toml", &text);
    }

    /// Takes the prepared repository away: the first backup makes one, with a key as costly as restic's
    /// are.
    ///
    /// # Panics
    /// If it cannot be removed.
    pub fn remove_repository(&self) {
        fs::remove_dir_all(self.repository()).expect("the prepared repository");
    }

    /// A repository of the test's own has another password or is at another place: what was prepared
    /// and not used goes.
    fn leave_prepared_repository(&self) {
        let snapshots = fs::read_dir(self.repository().join("snapshots"));
        if snapshots.is_ok_and(|mut snapshots| snapshots.next().is_none()) {
            self.remove_repository();
        }
    }

    /// An order for the customer.
    pub fn order(&self, order: Order) -> Call {
        Call::new(self, order)
    }

    /// `backup` of everything into `manual`.
    pub fn backup(&self) -> Call {
        self.backup_of("both")
    }

    /// `backup` of a scope.
    pub fn backup_of(&self, scope: &str) -> Call {
        self.order(Order::Backup(Backup {
            repository: "manual".parse().expect("a name"),
            scope: scope.parse().expect("a scope"),
            label: Label::Manual,
        }))
    }

    /// A backup that succeeds: its snapshot.
    pub fn backed_up(&self) -> SnapshotId {
        let ended = self.backup().run();
        ended.completed().snapshot.clone().expect("a snapshot")
    }

    /// `restore` of everything in a snapshot.
    pub fn restore(&self, snapshot: &SnapshotId) -> Call {
        self.restore_with(snapshot, Scope::Both, UndoCopy::Keep)
    }

    /// `restore` of a scope.
    pub fn restore_with(&self, snapshot: &SnapshotId, scope: Scope, undo: UndoCopy) -> Call {
        self.order(Order::Restore(Restore {
            repository: "manual".parse().expect("a name"),
            snapshot: snapshot.clone(),
            scope,
            undo,
            maintenance: None,
            keep_unhealthy: false,
        }))
    }

    /// `undo` of the latest.
    pub fn undo(&self) -> Call {
        self.order(Order::Undo(Undo { of: None }))
    }

    /// `delete` of a snapshot.
    pub fn delete(&self, snapshot: &SnapshotId) -> Call {
        self.order(Order::Delete(Delete {
            repository: "manual".parse().expect("a name"),
            snapshots: vec![snapshot.clone()],
        }))
    }

    /// The live tree, as a value.
    pub fn tree(&self) -> Tree {
        Tree::read(&self.live())
    }

    /// Runs `recover` until it is not busy any more; returns what it said.
    ///
    /// # Panics
    /// If it does not succeed.
    pub fn recover(&self) -> String {
        eventually("an unhindered recover", || {
            let output = self.executor_with(&["recover"]).output().expect("recover");
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "recover: {:?}\n{said}\n{errors}", output.status);
            (!said.contains("\"busy\"")).then_some(said)
        })
    }

    /// Waits until nothing that was started for this node is running.
    pub fn quiet(&self) {
        eventually("quiet", || self.processes().is_empty().then_some(()));
    }

    /// The executor with these arguments on this node.
    pub fn executor_with(&self, args: &[&str]) -> Command {
        let mut command = program(&self.executor);
        command.arg("--config").arg(self.root.join("etc")).args(args);
        command
    }

    /// Plain restic on the customer's repository, as an operator would use it.
    pub fn restic(&self, args: &[&str]) -> Command {
        let mut command = program(restic());
        command
            .env("RESTIC_PASSWORD_FILE", self.root.join("etc/password"))
            .env("RESTIC_REPOSITORY", self.repository())
            .arg("--cache-dir")
            .arg(self.root.join("cache"))
            .args(args);
        command
    }

    /// What of ours is left in the customer's base that should not be, and who is still running.
    pub fn left_over(&self) -> Vec<String> {
        let mut left = Vec::new();
        if self.flag().symlink_metadata().is_ok() {
            left.push("the maintenance flag".to_owned());
        }
        let aside = fs::read_dir(self.base().join(".holdfast")).into_iter().flatten().flatten();
        for entry in aside {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("stage-") || name.starts_with("trash-") {
                left.push(name);
            }
        }
        let spool = self.root.join("state/spool");
        for entry in fs::read_dir(spool).into_iter().flatten().flatten() {
            left.push(format!("spool {}", entry.file_name().to_string_lossy()));
        }
        for entry in fs::read_dir(self.repository().join("locks")).into_iter().flatten().flatten() {
            left.push(format!("restic lock {}", entry.file_name().to_string_lossy()));
        }
        left.extend(self.processes());
        left
    }

    /// Processes that name this node on their command line or in their environment.
    pub fn processes(&self) -> Vec<String> {
        let root = self.root.as_os_str().as_encoded_bytes();
        let names = |file: PathBuf| {
            let text = fs::read(file).unwrap_or_default();
            text.windows(root.len()).any(|window| window == root)
        };
        let own = std::process::id().to_string();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").expect("/proc").flatten() {
            let id = entry.file_name().to_string_lossy().into_owned();
            let process = id.bytes().all(|byte| byte.is_ascii_digit()) && id != own;
            if process
                && (names(entry.path().join("cmdline")) || names(entry.path().join("environ")))
            {
                let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                found.push(format!("process {id} {}", String::from_utf8_lossy(&line)));
            }
        }
        found
    }

    /// For tests that leave something on purpose.
    pub fn expect_left_overs(&mut self) {
        self.keep_clean = false;
    }
}

impl Default for Node {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the world of the failed test stays in {}", self.root.display());
            return;
        }
        let left = if self.keep_clean { self.left_over() } else { self.processes() };
        let _ = fs::remove_dir_all(&self.root);
        assert!(left.is_empty(), "left over: {left:#?}");
    }
}

/// Makes `to` a copy of `from`, with everything that `cp -a` copies.
///
/// # Panics
/// If that fails.
pub(crate) fn copy_tree(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to.parent().expect("a parent")).expect("a folder");
    let output = program("/usr/bin/cp").arg("-a").arg(from).arg(to).output().expect("cp");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
