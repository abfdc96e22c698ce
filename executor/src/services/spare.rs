//! Containers that a database of the site's is in: to halt them would keep the restore from the very
//! server that it needs.
//!
//! A socket or a port is a container's if one of its processes listens there. Who merely has the folder
//! of the socket mounted is a client.

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, ToSocketAddrs, UdpSocket},
    os::unix::fs::MetadataExt,
    path::Path,
};

use holdfast_job::SourceId;

use super::{
    docker::Inspected,
    listeners::{listening, namespace},
};
use crate::config::Reach;

/// For each of these containers the database that is reached through it, if one is.
pub(super) fn databases_in(
    containers: &[Inspected],
    databases: &[(SourceId, Reach)],
) -> Vec<Option<SourceId>> {
    let mut found: Vec<Option<SourceId>> = vec![None; containers.len()];
    for (id, reach) in databases {
        for (place, one) in containers.iter().enumerate() {
            let is_in_it = match reach {
                Reach::Container(name) => one.is(name),
                Reach::Socket(path) => listens_on_socket(one, path),
                Reach::Tcp { host, port } => is_reached(one, containers, (host, *port)),
            };
            if is_in_it {
                found[place].get_or_insert_with(|| id.clone());
            }
        }
    }
    // These cannot run without what they share.
    while let Some((place, id)) = next_shared(containers, &found) {
        found[place] = Some(id);
    }
    found
}

fn next_shared(containers: &[Inspected], found: &[Option<SourceId>]) -> Option<(usize, SourceId)> {
    for (one, id) in containers.iter().zip(found) {
        let Some(id) = id else { continue };
        for (_, who) in one.shares_with() {
            let shared = containers.iter().position(|other| other.is(who));
            if let Some(place) = shared.filter(|place| found[*place].is_none()) {
                return Some((place, id.clone()));
            }
        }
    }
    None
}

/// Whether a process of the container listens on this very socket.
fn listens_on_socket(one: &Inspected, socket: &Path) -> bool {
    let Ok(wanted) = fs::metadata(socket) else { return false };
    let pid = one.state.pid;
    pid != 0
        && listening(pid).sockets.iter().any(|path| {
            let seen = match path.strip_prefix("/") {
                Ok(below) => Path::new("/proc").join(pid.to_string()).join("root").join(below),
                Err(_) => Path::new("/proc").join(pid.to_string()).join("cwd").join(path),
            };
            fs::metadata(seen)
                .is_ok_and(|seen| (seen.dev(), seen.ino()) == (wanted.dev(), wanted.ino()))
        })
}

/// Whether a port of this machine or of a container leads to this container.
fn is_reached(one: &Inspected, all: &[Inspected], (host, port): (&str, u16)) -> bool {
    let addresses: Vec<IpAddr> = match (host, port).to_socket_addrs() {
        Ok(found) => found.map(|address| address.ip()).collect(),
        Err(_) => return false,
    };
    let is_local = addresses.iter().any(|address| UdpSocket::bind((*address, 0)).is_ok());
    let inside = |other: &Inspected| -> Vec<u16> {
        let mut ports = Vec::new();
        if is_local {
            ports.extend(other.published_at(port));
            if namespace(other.state.pid, "net") == namespace(std::process::id(), "net") {
                ports.push(port);
            }
        }
        if addresses.iter().any(|address| other.has_address(&address.to_string())) {
            ports.push(port);
        }
        ports
    };
    let leads_here = (is_local && !one.published_at(port).is_empty())
        || addresses.iter().any(|address| one.has_address(&address.to_string()));
    // Who listens may be another one, which shares the network of the one that has the address.
    let network = namespace(one.state.pid, "net");
    let in_network = all.iter().filter(|other| namespace(other.state.pid, "net") == network);
    let ports: BTreeSet<u16> = in_network.flat_map(inside).collect();
    leads_here || (!ports.is_empty() && !ports.is_disjoint(&listening(one.state.pid).ports))
}
