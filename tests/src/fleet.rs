//! A private installation: a node with a site, the control database, Redis, the web side; workers when a
//! test starts them.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use holdfast_job::JobId;

use crate::{
    MariaDb, Node, Redis, Sudoers, Web, Worker,
    node::built,
    output_of, program,
    signal::{signal, stop_all_of},
};

/// An installation. What is declared first ends first.
#[derive(Debug)]
pub struct Fleet {
    /// The web side.
    pub web: Web,
    /// Redis.
    pub redis: Redis,
    /// The control database.
    pub control: MariaDb,
    /// The rules of sudo, if the real executor is used.
    pub rules: Option<Sudoers>,
    /// The node.
    pub node: Node,
    executor: String,
}

/// How often workers of the tests look, and how soon they give up on each other.
const HASTE: &str = "lease_seconds = 3\nheartbeat_seconds = 0.5\nscan_seconds = 0.5\n\
                     busy_retry_seconds = 0.3\nbackoff_seconds = 0.3\ngrace_seconds = 20\n";

/// What the host has before Holdfast comes.
const HOST: &str = "CREATE DATABASE control CHARACTER SET utf8mb4; USE control;
     CREATE TABLE customers (id INT AUTO_INCREMENT PRIMARY KEY, email VARCHAR(255));
     INSERT INTO customers (id) VALUES (42), (43), (44);";

impl Fleet {
    /// The name of the schema.
    pub const SCHEMA: &str = "control";

    /// An installation with the real executor, through the real sudo, on this node.
    pub fn new(node: Node) -> Self {
        Self::through_sudo(node, &crate::executor())
    }

    /// One with the executor of the rehearsals: see [`Fleet::rehearse`].
    ///
    /// # Panics
    /// If its script cannot be written.
    pub fn rehearsed(node: Node) -> Self {
        let root = node.root();
        let (script, executor) = (root.join("rehearsal"), root.join("rehearsed-executor"));
        fs::write(&script, "").expect("a file");
        let rehearsal = crate::rehearsal();
        // sudo passes no environment on.
        let text = format!(
            "#!/bin/sh\nHOLDFAST_REHEARSAL=$(cat {script:?})\nexport HOLDFAST_REHEARSAL\n\
             exec {rehearsal:?} \"$@\"\n"
        );
        fs::write(&executor, text).expect("a file");
        fs::set_permissions(&executor, Permissions::from_mode(0o755)).expect("a mode");
        Self::through_sudo(node, &executor)
    }

    /// What the rehearsed executor does from now on: see `holdfast-rehearsal`.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn rehearse(&self, script: &str) {
        fs::write(self.node.root().join("rehearsal"), script).expect("a file");
    }

    fn through_sudo(node: Node, executor: &Path) -> Self {
        let rules = Sudoers::of(&node, executor);
        let etc = node.root().join("etc");
        let command = format!("[\"/usr/bin/sudo\", \"-n\", {executor:?}, \"--config\", {etc:?}]");
        Self::with(node, Some(rules), command, (HOST, &[]))
    }

    /// One whose executor records what it is given and does nothing else: see `holdfast-recorder`.
    pub fn recording() -> Self {
        Self::recording_on(HOST)
    }

    /// The same on a host whose schema these statements make.
    pub fn recording_on(host: &str) -> Self {
        Self::recording_with(host, &[])
    }

    /// The same, with more options of the control database's server.
    pub fn recording_with(host: &str, server: &[&str]) -> Self {
        let node = Node::new();
        let folder = node.root().join("recorder");
        fs::create_dir(&folder).expect("a folder");
        output_of(program("/usr/bin/chown").arg(Node::WORKER).arg(&folder));
        // A copy, since the worker's user starts it, and the way to the original may be closed to it.
        let recorder = node.root().join("holdfast-recorder");
        fs::copy(built("holdfast-recorder"), &recorder).expect("the recorder");
        let command = format!("[{recorder:?}, {folder:?}]");
        Self::with(node, None, command, (host, server))
    }

    fn with(
        node: Node,
        rules: Option<Sudoers>,
        executor: String,
        (host, server): (&str, &[&str]),
    ) -> Self {
        let control = MariaDb::start_with(&node.root().join("control"), server);
        let redis = Redis::start(&node.root().join("redis"));
        let web_folder = node.root().join("web");
        fs::create_dir(&web_folder).expect("a folder");
        control.query(host);
        // `holdfast_admin` is whoever migrates; the others have the rights of grants.sql.
        for name in ["admin", "web", "worker"] {
            control.query(&format!(
                "CREATE USER holdfast_{name}@localhost IDENTIFIED BY 'the password of {name}'"
            ));
            let file = node.root().join(format!("{name}.password"));
            fs::write(file, format!("the password of {name}\n")).expect("a file");
        }
        let admin = node.root().join("admin.toml");
        let password = node.root().join("admin.password");
        fs::write(&admin, database(&control, "holdfast_admin", &password)).expect("a file");
        control.query(&format!("GRANT ALL ON {}.* TO holdfast_admin@localhost", Self::SCHEMA));
        tell(&admin, &["migrate"]);
        control.load(Self::SCHEMA, include_bytes!("../../migrations/grants.sql"));
        tell(&admin, &["node", "add", "test-1"]);
        tell(&admin, &["keygen", "web-1", "--folder", &web_folder.display().to_string()]);
        let keys = node.root().join("etc/ticket-keys");
        fs::create_dir_all(&keys).expect("a folder");
        fs::copy(web_folder.join("web-1.pub"), keys.join("web-1.pub")).expect("the public key");
        fs::write(web_folder.join("tokens.secret"), "t".repeat(48)).expect("a secret");
        let here = web_folder.display();
        let config = format!(
            "listen = \"127.0.0.1:{{port}}\"\nredis = \"{}\"\n\
             signing_key_file = \"{here}/web-1.key\"\nplan_every_seconds = 0.3\n\
             worker_silence_seconds = 5\nenter_customers_by_number = true\n\
             [limits]\nrequests_per_address_per_second = 0\n\
             [dashboard]\nplain_http = true\n[tokens]\n\
             algorithm = \"HS256\"\nkey_file = \"{here}/tokens.secret\"\nissuer = \"host\"\n\
             audience = \"holdfast\"\n{}",
            redis.url(),
            database(&control, "holdfast_web", &node.root().join("web.password"))
        );
        let web = Web::start(&web_folder, &config, |file| {
            tell(file, &["token", "--user", "root", "--operator"]).trim().to_owned()
        });
        Self { web, redis, control, rules, node, executor }
    }

    /// The folder of the web side.
    pub fn web_folder(&self) -> PathBuf {
        self.node.root().join("web")
    }

    /// What `holdfast-enqueue` says, as the operator's account of the database.
    pub fn admin(&self, words: &[&str]) -> String {
        tell(&self.node.root().join("admin.toml"), words)
    }

    /// A token, as `holdfast-enqueue token` makes it.
    pub fn token(&self, words: &[&str]) -> String {
        let words = [&["token", "--user", "someone"], words].concat();
        tell(&self.web_folder().join("enqueue.toml"), &words).trim().to_owned()
    }

    /// Starts a worker of the node `test-1`; `name` tells it from others, `more` is further
    /// configuration.
    pub fn worker(&self, name: &str, more: &str) -> Worker {
        self.worker_on("test-1", name, more)
    }

    /// The same on another node.
    pub fn worker_on(&self, node: &str, name: &str, more: &str) -> Worker {
        Worker::start(self.rules.as_ref(), &self.configure_worker(node, name, more))
    }

    /// The command of such a worker, for other verbs than `run`.
    pub fn worker_command(&self, name: &str, more: &str) -> std::process::Command {
        Worker::command(self.rules.as_ref(), &self.configure_worker("test-1", name, more))
    }

    /// Writes the configuration of a worker. What `more` says goes before what is usual here.
    pub fn configure_worker(&self, node: &str, name: &str, more: &str) -> PathBuf {
        let key = |line: &str| line.split_once(" = ").map(|(key, _)| format!("{key} = "));
        let usual = HASTE.lines().filter(|line| key(line).is_some_and(|key| !more.contains(&key)));
        let usual: Vec<&str> = usual.collect();
        let executor = match more.contains("executor = ") {
            true => String::new(),
            false => format!("executor = {}\n", self.executor),
        };
        let redis = match more.contains("redis = ") {
            true => String::new(),
            false => format!("redis = \"{}\"\n", self.redis.url()),
        };
        let config = format!(
            "node = \"{node}\"\n{redis}{executor}{}\n{more}\n{}",
            usual.join("\n"),
            database(&self.control, "holdfast_worker", &self.node.root().join("worker.password"))
        );
        let file = self.node.root().join(format!("{name}.toml"));
        fs::write(&file, config).expect("a file");
        file
    }

    /// Starts the web side again with `from` in its configuration made `to`.
    ///
    /// # Panics
    /// If it has no `from`.
    pub fn reconfigure_web(&mut self, from: &str, to: &str) {
        let (folder, file) = (self.web_folder(), self.web_folder().join("enqueue.toml"));
        let config = fs::read_to_string(&file).expect("a configuration");
        assert!(config.contains(from), "{config}");
        self.web.kill();
        fs::write(&file, config.replace(from, to)).expect("a configuration");
        self.web.start_again(&folder);
    }

    /// What the control database answers.
    pub fn query(&self, sql: &str) -> String {
        self.control.query(&format!("USE {}; {sql}", Self::SCHEMA)).trim_end().to_owned()
    }

    /// What the recorder was given: a job, a verb and a customer a line.
    pub fn recorded(&self) -> Vec<String> {
        let file = self.node.root().join("recorder/record");
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Makes the recorder hold on to what it is given, or let it go.
    pub fn hold(&self, held: bool) {
        let file = self.node.root().join("recorder/hold");
        match held {
            true => fs::write(file, "").expect("a file"),
            false => fs::remove_file(file).expect("a file"),
        }
    }

    /// How the recorder ends from now on.
    pub fn outcome(&self, outcome: &str) {
        let file = self.node.root().join("recorder/outcome");
        fs::write(file, format!("{outcome}\n")).expect("a file");
    }

    /// What `recover` of the recorder says from now on of the customer 42: nothing if there is no
    /// standing.
    pub fn recovered(&self, standing: Option<&str>) {
        let file = self.node.root().join("recorder/recovered");
        let line = standing.map(|standing| {
            format!(
                "{{\"version\":1,\"customer\":42,\"standing\":\"{standing}\",\"detail\":\"why\"}}\n"
            )
        });
        fs::write(file, line.unwrap_or_default()).expect("a file");
    }

    /// A row's column, as text.
    pub fn column(&self, job: JobId, column: &str) -> String {
        self.query(&format!("SELECT {column} FROM customer_backup_jobs WHERE uuid = '{job}'"))
    }

    /// What happened to a job, in order.
    pub fn events(&self, job: JobId) -> Vec<String> {
        let select = format!("SELECT event FROM job_events WHERE job_uuid = '{job}' ORDER BY id");
        self.query(&select).lines().map(str::to_owned).collect()
    }

    /// Enters customers of these numbers in the host's table.
    pub fn enter_customers(&self, numbers: std::ops::RangeInclusive<u32>) {
        let rows: Vec<_> = numbers.map(|number| format!("({number})")).collect();
        self.query(&format!("INSERT IGNORE INTO customers (id) VALUES {}", rows.join(",")));
    }

    /// Stops a process, or lets it go on.
    pub fn freeze(pid: u32, frozen: bool) {
        match frozen {
            true => stop_all_of(pid),
            false => signal("CONT", &pid.to_string()),
        }
    }
}

fn database(server: &MariaDb, user: &str, password_file: &Path) -> String {
    format!(
        "[database]\nsocket = {:?}\nuser = \"{user}\"\nschema = \"{}\"\n\
         password_file = {password_file:?}\n",
        server.socket(),
        Fleet::SCHEMA,
    )
}

fn tell(config: &Path, words: &[&str]) -> String {
    output_of(program(built("holdfast-enqueue")).arg("--config").arg(config).args(words))
}
