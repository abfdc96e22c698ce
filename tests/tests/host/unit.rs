//! What an operator may not write into the worker's unit.
//!
//! Needs: mariadb, nginx, redis, restic, systemd.

use holdfast_tests::Host;

/// Each implies `NoNewPrivileges` for a unit with a user, by systemd.exec(5).
const IMPLY_NO_NEW_PRIVILEGES: [&str; 16] = [
    "DynamicUser=yes",
    "LockPersonality=yes",
    "MemoryDenyWriteExecute=yes",
    "PrivateDevices=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service @mount",
    "SystemCallLog=@debug",
];

/// What the worker's unit has said since this was asked the last time.
const NEWS: &str = "journalctl --quiet --unit=holdfast-worker --cursor-file=/run/heard";

#[test]
fn a_worker_whose_unit_takes_sudo_away_from_it_says_so_and_does_not_begin() {
    let host = Host::boot();
    host.install();
    let drop_in = "/etc/systemd/system/holdfast-worker.service.d/hardened.conf";
    host.run(&format!("systemctl stop holdfast-worker; {NEWS}"));
    for directive in IMPLY_NO_NEW_PRIVILEGES {
        host.write(drop_in, &format!("[Service]\n{directive}\nRestart=no\n"));
        host.run("systemctl daemon-reload");
        let started = host.try_run("systemctl start holdfast-worker");
        assert!(!started.status.success(), "{directive}: it begins");
        let said = host.run(&format!("journalctl --sync; {NEWS}"));
        assert!(
            said.contains("NoNewPrivileges is set, so sudo cannot work"),
            "{directive}: {said}"
        );
        assert!(said.contains("out of the unit"), "{directive}: {said}");
        host.run("systemctl reset-failed holdfast-worker");
    }
    host.run(&format!("rm {drop_in}; systemctl daemon-reload; systemctl start holdfast-worker"));
}
