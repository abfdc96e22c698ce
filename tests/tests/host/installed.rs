//! What customers and operators do with an installed host: a restore, a second install, the removal, the
//! worker begun anew in the middle of a backup.
//!
//! Needs: mariadb, nginx, redis, restic, systemd.

use std::time::Duration;

use holdfast_tests::{Host, Seen, Shop};

/// A restore that closes a site for longer is slow even on a busy machine.
const SHORT: Duration = Duration::from_secs(5);

/// Every file that is installed or configured, by its time and owner; since when the units run; who may
/// what at the server.
const INSTALLED: &str = "
    find /etc /opt /usr/local /var/backups/holdfast -printf '%p %m %u %g %s %T@ %l\n' | sort
    getfacl --absolute-names /var/customers
    systemctl show --property=Id,InvocationID,UnitFileState 'holdfast-*'
    mariadb -e 'SELECT * FROM mysql.global_priv; SELECT name, pool, registered_at FROM holdfast.nodes'";

#[test]
fn visitors_of_an_installed_host_see_a_restore_as_one_short_503_and_its_neighbours_see_nothing() {
    let shop = Shop::on(Host::installed());
    let run = shop.host.unit("shop-42", "InvocationID");
    let restore = shop.restore();
    let (seen, job) = shop.completed(restore);
    let wanted = [Host::shows("two"), Seen::Status(503), Host::shows("one")];
    assert_eq!(seen.seen(), wanted, "one short 503, and else a page: {seen:#?}");
    assert!(seen.closed() < SHORT, "{seen:#?}");
    println!("closed for {:?}; the job says {} ms", seen.closed(), job["closed_ms"]);
    assert_ne!(shop.host.unit("shop-42", "InvocationID"), run, "the shop's unit has stood still");
    assert_eq!(shop.host.unit("shop-42", "ActiveState"), "active");
}

#[test]
fn a_second_install_changes_nothing() {
    let host = Host::installed();
    let before = host.run(INSTALLED);
    let said = host.install();
    let after = host.run(INSTALLED);
    let changed = after.lines().filter(|line| !before.lines().any(|known| known == *line));
    assert_eq!(changed.collect::<Vec<_>>(), [""; 0], "{said}");
    assert_eq!(before.lines().count(), after.lines().count(), "{said}");
    assert!(said.contains("Nothing had to be changed."), "{said}");
}

#[test]
fn what_is_uninstalled_leaves_every_backup_to_plain_restic_and_to_the_next_install() {
    let shop = Shop::on(Host::installed());
    let password = "/opt/holdfast/bin/holdfast-executor repository-password 42 manual";
    shop.host.write("/root/password", &shop.host.run(password));
    let job = shop.web.job(Host::SHOP, shop.backup);
    let snapshot = job["snapshot_id"].as_str().expect("a snapshot");
    shop.host.run(
        "install -d /var/log/holdfast
         install -o holdfast -g adm -m 640 /dev/null /var/log/holdfast/worker.log",
    );
    shop.host.configure_worker("log_file = \"/var/log/holdfast/worker.log\"");
    let restore = shop.restore();
    shop.completed(restore);
    let said = shop.host.run("/usr/src/holdfast/scripts/install --uninstall 2>&1");
    assert_uninstalled(&shop.host, &said);
    for kept in ["  /var/customers/customer-42/.holdfast, ", "  in MariaDB: holdfast_undo_"] {
        assert!(said.lines().any(|line| line.contains(kept)), "{kept}: {said}");
    }
    let snapshots = shop.host.run(
        "/srv/programs/restic --repo /var/backups/holdfast/manual/customer-42 \
         --password-file /root/password --no-cache snapshots --json",
    );
    assert!(snapshots.contains(snapshot), "{snapshots}");
    shop.host.expect_edition(&shop.one);

    shop.host.install();
    shop.web.until_up();
    let restore = shop.restore();
    shop.completed(restore);
}

fn assert_uninstalled(host: &Host, said: &str) {
    let left = host.run(
        "ls -d /opt/holdfast /etc/systemd/system/holdfast* \
            /etc/systemd/system/*.wants/holdfast* /etc/sudoers.d/holdfast* 2>/dev/null || true
         systemctl list-units --all --plain --no-legend 'holdfast*'
         grep -H holdfast /etc/passwd /etc/group /etc/shadow || true
         grep -rH holdfast /etc/sudoers /etc/sudoers.d || true
         find /etc /var /opt /usr/local -xdev -nouser",
    );
    assert_eq!(left, "", "{said}");
    let ours = |word: &String| word.contains("holdfast");
    let running: Vec<_> =
        host.processes().into_iter().filter(|process| process.command.iter().any(ours)).collect();
    assert!(running.is_empty(), "{running:#?}");
}

#[test]
fn a_worker_that_is_begun_anew_in_the_middle_of_a_backup_ends_it_first_and_it_costs_no_attempt() {
    let host = Host::installed().with_rehearsal();
    let shop = Shop::on(host);
    shop.host.rehearse("held snapshot");
    let job = shop.web.order_backup(Host::SHOP, "both");
    shop.until_at(job, "snapshot");
    let worker = shop.host.unit("holdfast-worker", "InvocationID");
    shop.host.run("systemctl --no-block restart holdfast-worker");
    shop.host.until_unit("holdfast-worker", "deactivating");
    shop.host.open_gate();
    let ended = shop.web.until(Host::SHOP, job, "completed");
    assert_eq!(ended["operator"]["attempt"], 1, "{ended:#}");
    shop.host.until_unit("holdfast-worker", "active");
    assert_ne!(shop.host.unit("holdfast-worker", "InvocationID"), worker);
    let completed = format!(
        "mariadb --skip-column-names holdfast -e \
         \"SELECT COUNT(*) FROM job_events WHERE job_uuid = '{job}' AND event = 'completed'\""
    );
    assert_eq!(shop.host.run(&completed).trim(), "1");
    shop.host.until_tidy();

    // One that may not wait: it is put back, costs no attempt, and is done by the next. So it is with an
    // executor that has limits, and so is in a scope of its own beside the worker's unit.
    shop.host.configure_worker("grace_seconds = 1");
    shop.host.run("printf '[limits]\\ncpu_weight = 50\\n' >>/etc/holdfast/customers/42.toml");
    shop.host.rehearse("wait snapshot");
    let job = shop.web.order_backup(Host::SHOP, "both");
    shop.until_at(job, "snapshot");
    let executor = shop.host.processes().into_iter().find(|process| process.executes("backup"));
    assert_eq!(executor.map(|process| process.unit), Some(format!("holdfast-{job}.scope")));
    shop.host.run("systemctl restart holdfast-worker");
    let ended = shop.web.until(Host::SHOP, job, "completed");
    assert_eq!(ended["operator"]["attempt"], 1, "{ended:#}");
    shop.host.until_tidy();
}
