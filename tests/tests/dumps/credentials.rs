//! Nobody's password, neither the administering account's nor the throw-away one's, is where others
//! can read it.
//!
//! Needs: mariadb, restic.

use std::{fs, path::Path};

use holdfast_tests::{DatabaseSite, program};

use super::fill;

/// Keeps what others can see of the client and of all above it, and for us alone what it logs in by.
const SCRIPT: &str = r#"
login=$(cat <&3)
printf '%s\n' "$login" >>$root/etc/logins
pid=$$
while [ $pid -gt 1 ]; do
    cat /proc/$pid/cmdline /proc/$pid/environ >>$root/seen
    pid=$(sed -n 's/^PPid:[[:space:]]*//p' /proc/$pid/status)
    case $(cat /proc/$pid/cmdline | tr '\0' ' ') in *holdfast-executor*) ;; *) break ;; esac
done </dev/null
exec "$real" "$@" 3<<EOF
$login
EOF
"#;

#[test]
fn the_passwords_are_in_no_argument_environment_journal_message_or_file() {
    let site = DatabaseSite::new();
    fill(&site);
    let secret = "an administrator's own \\ password";
    site.server.query(
        "CREATE USER admin@localhost IDENTIFIED BY \"an administrator's own \\\\ password\";
         GRANT ALL ON *.* TO admin@localhost WITH GRANT OPTION",
    );
    let credentials = "user = \"admin\"\npassword = \"an administrator's own \\\\ password\"";
    site.node.secret("etc/mariadb.toml", credentials);
    let double = |tool: &str| site.node.double_of(Path::new(tool), SCRIPT).display().to_string();
    let (client, dump) = (double("/usr/bin/mariadb"), double("/usr/bin/mariadb-dump"));
    site.configure(&format!("mariadb = \"{client}\"\nmariadb_dump = \"{dump}\""), "");
    let backup = site.node.backup_of("db").run();
    let snapshot = backup.completed().snapshot.expect("a snapshot");
    let orders = [backup, site.restore(&snapshot).run(), site.node.undo().run()];
    let seen = fs::read(site.node.root().join("seen")).expect("what was seen");
    let seen = String::from_utf8_lossy(&seen);
    assert!(seen.contains("--defaults-file=/dev/fd/3"), "the client: {seen}");
    assert!(seen.contains("holdfast-executor\0--config"), "the executor above it: {seen}");
    let logins = fs::read_to_string(site.node.root().join("etc/logins")).expect("logins");
    let passwords: std::collections::BTreeSet<&str> =
        logins.lines().filter_map(|line| line.strip_prefix("password=")).collect();
    // The administrator's, that of the rehearsal, and that of the load.
    assert_eq!(passwords.len(), 3, "{logins}");
    for password in passwords {
        let password = password.trim_matches('"').replace("\\\\", "\\");
        assert!(password == secret || password.len() == 48, "{password}");
        // Up to the backslash, which is doubled wherever it is escaped.
        let password = password.split('\\').next().expect("a beginning").to_owned();
        for ended in &orders {
            ended.completed();
            assert!(!format!("{ended:?}").contains(&password), "{ended:?}");
        }
        // Everything but the configuration: journals, spool, repository, the server's own files.
        let mut grep = program("/usr/bin/grep");
        grep.args(["-rlaF", "--exclude-dir=etc", "-e", &password]).arg(site.node.root());
        let found = grep.output().expect("grep");
        assert_eq!(String::from_utf8_lossy(&found.stdout), "", "{password}");
        assert_eq!(found.status.code(), Some(1));
    }
    assert!(site.server.query("SELECT User FROM mysql.user").lines().all(|u| !u.contains("load")));
    site.node.recover();
}
