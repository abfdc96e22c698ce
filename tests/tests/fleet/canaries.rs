//! Every secret there is, made up for the occasion, and looked for in whatever a backup, a restore and a
//! crash leave behind or let others see. That the search would find one, planted ones show.
//!
//! Needs: mariadb, nginx, redis, restic.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use holdfast_tests::{
    Fleet, MariaDb, Nginx, Node, damage, damage_small_shop, eventually, fill_small_shop, output_of,
    place_program, program, signal,
};
use serde_json::json;

/// What nobody has ever seen.
fn secret() -> String {
    let uuid = fs::read_to_string("/proc/sys/kernel/random/uuid").expect("a uuid");
    format!("canary-{}", uuid.trim())
}

/// What the processes of an installation are seen to do, from the first order on.
struct Watch {
    server: MariaDb,
    fleet: Fleet,
    watchers: Vec<Child>,
}

impl Watch {
    /// Every program that the worker, or anything that it starts, executes: its arguments and its whole
    /// environment. None is too short to be seen.
    fn executed(&self) -> PathBuf {
        self.fleet.node.root().join("executed")
    }

    /// Every command that Redis is given.
    fn rung(&self) -> PathBuf {
        self.fleet.node.root().join("rung")
    }

    fn begin(&mut self, worker: u32) {
        let mut strace = program("/usr/bin/strace");
        strace.args(["-f", "-qq", "-v", "-s", "65536", "-e", "trace=execve,execveat", "-o"]);
        strace.arg(self.executed()).args(["-p", &worker.to_string()]);
        self.watch(&mut strace);
        let status = format!("/proc/{worker}/status");
        eventually("a look at what the worker starts", || {
            let text = fs::read_to_string(&status).expect("a status");
            (!text.contains("TracerPid:\t0\n")).then_some(())
        });
        let mut monitor = program("/usr/bin/redis-cli");
        monitor.arg("-s").arg(self.fleet.redis.socket()).arg("MONITOR");
        monitor.stdout(fs::File::create(self.rung()).expect("a file"));
        self.watch(&mut monitor);
        eventually("a look at Redis", || {
            fs::read_to_string(self.rung()).expect("a file").starts_with("OK").then_some(())
        });
    }

    fn watch(&mut self, command: &mut Command) {
        command.stdin(Stdio::null()).stderr(Stdio::null());
        self.watchers.push(command.spawn().expect("a watcher"));
    }

    fn end(&mut self) {
        for mut watcher in self.watchers.drain(..) {
            signal("TERM", &watcher.id().to_string());
            watcher.wait().expect("its end");
        }
    }

    /// Where a secret is found.
    fn places_of(&self, secret: &str) -> BTreeSet<&'static str> {
        let root = self.fleet.node.root();
        let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|it| it == secret.as_bytes());
        let file = |path: &Path| holds(&fs::read(path).expect("a file"));
        let folder = |path: &Path| {
            let mut grep = program("/usr/bin/grep");
            // Where secrets are kept: the configuration, passwords, the web side's keys.
            grep.args(["-rlaF", "--exclude-dir=etc", "--exclude=*.password", "--exclude=*.key"]);
            grep.args(["--exclude=tokens.secret", "--exclude=probe.nginx", "--exclude=executed"]);
            grep.args(["--exclude=rung", "-e", secret]).arg(path);
            let said = grep.output().expect("grep");
            assert!(matches!(said.status.code(), Some(0 | 1)), "{said:?}");
            !said.stdout.is_empty()
        };
        let mut dump = program("/usr/bin/mariadb-dump");
        dump.args(["--no-defaults", "--hex-blob=0", "--all-databases", "--socket"]);
        let dump = dump.arg(self.fleet.control.socket()).output().expect("mariadb-dump");
        assert!(dump.status.success(), "{dump:?}");
        let servers = [self.fleet.web.pid(), self.fleet.control.pid(), self.server.pid()];
        let standing = servers.into_iter().chain([self.fleet.redis.pid()]).any(|pid| {
            let of = |name| fs::read(format!("/proc/{pid}/{name}")).expect("a process");
            holds(&of("cmdline")) || holds(&of("environ"))
        });
        let found = [
            ("processes", file(&self.executed()) || standing),
            ("journals", folder(&root.join("state/journals"))),
            ("state", folder(&root.join("state"))),
            ("control database", holds(&dump.stdout)),
            ("Redis", file(&self.rung()) || holds(self.everything_in_redis().as_bytes())),
            ("the worker's log", file(&root.join("one.log"))),
            ("the web side's log", file(&root.join("web/web.log"))),
            ("any file", folder(root)),
        ];
        found.into_iter().filter(|(_, found)| *found).map(|(place, _)| place).collect()
    }

    fn everything_in_redis(&self) -> String {
        let keys = self.fleet.redis.say(&["KEYS", "*"]);
        let dump = |key: &str| {
            let redis = &self.fleet.redis;
            match redis.say(&["TYPE", key]).as_str() {
                "zset" => redis.say(&["ZRANGE", key, "0", "-1"]),
                _ => redis.say(&["GET", key]),
            }
        };
        keys.lines().map(|key| format!("{key} {}\n", dump(key))).collect()
    }
}

/// Core dumps where what the executor starts would leave them.
fn cores() -> usize {
    let entries = fs::read_dir("/").expect("/").flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("core")).count()
}

/// The executor that is at work here.
fn executor_of(node: &Node) -> u32 {
    let root = node.root().display().to_string();
    eventually("an executor", || {
        let processes = fs::read_dir("/proc").expect("/proc").flatten();
        processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).find(|pid: &u32| {
            let read = |name| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
            let is_verb = read("cmdline").ends_with("\0backup\0");
            read("comm") == "holdfast-execut\n" && is_verb && read("cmdline").contains(&root)
        })
    })
}

/// A site with everything that has a password, and every password that there is: what is to be looked
/// for, by what it is.
fn scene(planted: &str) -> (Watch, Nginx, Vec<(&'static str, String)>) {
    let node = Node::with_site();
    let root = node.root().display().to_string();
    let server = MariaDb::with_tenants(&node.root().join("db"));
    fill_small_shop(&server, MariaDb::SCHEMA);
    let [master, site, probe, web, worker] = [(); 5].map(|()| secret());
    server.query(&format!(
        "CREATE USER backups@localhost IDENTIFIED BY '{site}';
         GRANT ALL ON *.* TO backups@localhost WITH GRANT OPTION"
    ));
    node.secret("etc/mariadb.toml", &format!("user = \"backups\"\npassword = \"{site}\""));
    node.secret("etc/master.secret", &master);
    node.secret("etc/probe.secret", &probe);
    fs::write(node.live().join("page"), "a shop").expect("a page");
    let nginx = Nginx::start(&node.root().join("nginx"), (&node.base(), &node.live()), &probe);
    // Plants a canary in an argument, one in the environment, and one in what is logged.
    let hook = node.root().join("etc/hook");
    place_program(
        &hook,
        &format!("#!/bin/sh\nPLANTED={planted} /bin/true {planted}\necho {planted}\nexit 1\n"),
    );
    // Waits where a pipe says so, when it has been given the password.
    let restic = node
        .double("case $command in backup) [ ! -p $root/hold ] || read -r _ <$root/hold ;; esac");
    let socket = server.socket().display().to_string();
    node.configure_all(
        &restic,
        &format!("probe_secret_file = \"{root}/etc/probe.secret\""),
        "",
        &format!(
            "[[site.databases]]\nid = \"shop\"\nname = \"Shop\"\nsocket = \"{socket}\"\n\
             credentials_file = \"{root}/etc/mariadb.toml\"\n\
             [site.hooks]\nafter = \"{}\"\n\
             [site.probe]\nurl = \"{}\"\n\
             [repositories.manual]\nurl = \"{root}/repositories/customer-{{id}}\"\n",
            hook.display(),
            nginx.url("page")
        ),
    );
    let ask = ["repository-password", "42", "manual"];
    let repository = output_of(&mut node.executor_with(&ask)).trim().to_owned();
    let mut fleet = Fleet::new(node);
    for (name, password) in [("web", &web), ("worker", &worker)] {
        fleet
            .control
            .query(&format!("ALTER USER holdfast_{name}@localhost IDENTIFIED BY '{password}'"));
        fs::write(fleet.node.root().join(format!("{name}.password")), format!("{password}\n"))
            .expect("a file");
    }
    fleet.web.kill();
    let folder = fleet.web_folder();
    fleet.web.start_again(&folder);
    let key = fs::read_to_string(folder.join("web-1.key")).expect("a key").trim().to_owned();
    let tokens = fs::read_to_string(folder.join("tokens.secret")).expect("a secret");
    let secrets = vec![
        ("the master secret", master),
        ("the repository's password", repository),
        ("the site's server's password", site),
        ("the site's own password", MariaDb::ACCOUNT.1.to_owned()),
        ("the probe's secret", probe),
        ("the web side's password", web),
        ("the worker's password", worker),
        ("the signing key", key),
        ("the secret of tokens", tokens),
        ("an operator's token", fleet.web.token().to_owned()),
    ];
    (Watch { server, fleet, watchers: Vec::new() }, nginx, secrets)
}

#[test]
fn no_secret_is_in_a_process_a_journal_a_database_redis_a_log_or_a_core_dump() {
    let planted = secret();
    let (mut watch, _nginx, secrets) = scene(&planted);
    let mut worker = watch.fleet.worker("one", "");
    watch.begin(worker.pid());
    let (web, node) = (&watch.fleet.web, &watch.fleet.node);

    // A backup whose executor crashes with the password in its memory, is put back and done.
    let hold = node.root().join("hold");
    output_of(program("/usr/bin/mkfifo").arg(&hold));
    let before = cores();
    let order = json!({ "scope": "both", "note": planted });
    let backup = web.post("/api/v1/customers/42/backups", &order).job();
    let executor = executor_of(node);
    let children = format!("/proc/{executor}/task/{executor}/children");
    eventually("a restic that has the password", || {
        let children = fs::read_to_string(&children).expect("children");
        let waits = |pid: &str| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            line.contains("/etc/restic ") && line.contains(" backup ")
        };
        children.split_whitespace().any(waits).then_some(())
    });
    fs::rename(&hold, node.root().join("held")).expect("a pipe");
    signal("ABRT", &executor.to_string());
    let done = web.until(42, backup, "completed");
    assert_eq!(cores(), before, "a core dump");
    let snapshot = done["snapshot_id"].as_str().expect("a snapshot").to_owned();

    damage(&node.live());
    fs::write(node.live().join("page"), "a shop").expect("a page");
    damage_small_shop(&watch.server, MariaDb::SCHEMA);
    let path = format!("/api/v1/customers/42/backups/{snapshot}/restore");
    let restore = web.post(&path, &json!({ "confirm": "RESTORE" })).job();
    web.until(42, restore, "completed");

    watch.fleet.redis.say(&["SET", "planted", &planted]);
    let journal = node.root().join("state/journals/planted");
    fs::write(&journal, &planted).expect("a file");
    worker.tell();
    worker.ended();
    watch.end();
    let found: Vec<_> = watch.places_of(&planted).into_iter().collect();
    let all = [
        "Redis",
        "any file",
        "control database",
        "journals",
        "processes",
        "state",
        "the worker's log",
    ];
    assert_eq!(found, all, "the search does not find what is there");
    let executed = fs::read_to_string(watch.executed()).expect("a record");
    for started in ["/usr/bin/sudo", "mariadb-dump", "restic", "curl", "\"restore\"", "\"backup\""]
    {
        assert!(executed.contains(started), "{started} was not seen");
    }
    for way in [format!("\"{planted}\""), format!("\"PLANTED={planted}\"")] {
        assert!(executed.contains(&way), "{way} was not seen");
    }
    for (what, secret) in secrets {
        assert!(secret.len() >= 16, "{what}");
        let found = watch.places_of(&secret);
        assert!(found.is_empty(), "{what} is in {found:?}");
    }
}
