//! A host on which Holdfast is installed, by its own script and as an operator would.

use super::{Door, Host};
use crate::{Web, eventually};

/// What the tests change of the worker's configuration: how soon it looks, and gives up on another.
const HASTE: &str = "lease_seconds = 3\nheartbeat_seconds = 0.5\nscan_seconds = 0.5\n\
                     busy_retry_seconds = 0.3\nbackoff_seconds = 0.3";

/// `scripts/install`, and what it says of what it does.
const INSTALL: &str =
    "/usr/src/holdfast/scripts/install --role all --offline --from /srv/programs 2>&1";

/// In the place of the executor, for [`Host::rehearse`]. sudo passes no environment on.
const REHEARSED: &str = "#!/bin/sh
if [ \"$1\" != recover ] && mv /run/holdfast-rehearsal /run/holdfast-rehearsed 2>/dev/null; then
    script=$(cat /run/holdfast-rehearsed)
    case $script in held*) script=\"$script /run/holdfast-gate\" ;; esac
    export HOLDFAST_REHEARSAL=\"$script\"
fi
exec /opt/holdfast/bin/holdfast-rehearsal \"$@\"
";

impl Host {
    /// A host with Holdfast on it, and two sites: see [`Edition`](super::Edition).
    pub fn installed() -> Self {
        let host = Self::boot();
        host.install();
        host.configure_worker(HASTE);
        // Whoever waits here for an event asks often.
        host.run(
            "sed -i 's/^# \\(requests_per_address_per_second\\) = .*/\\1 = 0/' /etc/holdfast/enqueue.toml
             systemctl restart holdfast-enqueue",
        );
        host.make_sites();
        host
    }

    /// Puts these keys into the worker's configuration, in the place of what it says of them, and starts
    /// it anew.
    pub fn configure_worker(&self, keys: &str) {
        let file = "/etc/holdfast/worker.toml";
        for line in keys.lines() {
            let key = line.split(" = ").next().unwrap_or_default();
            self.run(&format!("sed -i -e '1i {line}' -e '/^{key} = /d' {file}"));
        }
        self.run("systemctl restart holdfast-worker");
    }

    /// Runs `scripts/install`, and returns what it said.
    pub fn install(&self) -> String {
        self.run(INSTALL)
    }

    /// The web side, by this door and with an operator's token.
    pub fn web(&self, door: &Door) -> Web {
        let token = "/opt/holdfast/bin/holdfast-enqueue token --user root --operator";
        Web::at(door.port(), self.run(token).trim().to_owned())
    }

    /// A door to the web side.
    pub fn door(&self) -> Door {
        Door::to(self.leader(), 8470)
    }

    /// From now on the executor is the one of the tests.
    pub fn with_rehearsal(self) -> Self {
        self.run(
            "cp /srv/programs/holdfast-rehearsal /opt/holdfast/bin/
             rm /opt/holdfast/bin/holdfast-executor",
        );
        self.write("/opt/holdfast/bin/holdfast-executor", REHEARSED);
        self.run("chmod 755 /opt/holdfast/bin/holdfast-executor");
        self
    }

    /// What that does with the next order, tried for the first time: see `holdfast-rehearsal`. Its gate is
    /// shut.
    pub fn rehearse(&self, script: &str) {
        self.write("/run/holdfast-rehearsal", script);
        self.write("/run/holdfast-gate", "");
    }

    /// Opens the gate.
    pub fn open_gate(&self) {
        self.run("rm /run/holdfast-gate");
    }

    /// Waits until a unit is in this state.
    pub fn until_unit(&self, unit: &str, state: &str) {
        eventually(&format!("{state} of {unit}"), || {
            (self.unit(unit, "ActiveState") == state).then_some(())
        });
    }

    /// What systemd says of a unit.
    pub fn unit(&self, unit: &str, property: &str) -> String {
        let said = self.run(&format!("systemctl show --property={property} --value {unit}"));
        said.trim().to_owned()
    }
}
