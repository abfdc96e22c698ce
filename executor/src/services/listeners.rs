//! What the processes of a container listen on, as the kernel has it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Ports from here on are picked by the kernel: they are others the next time.
const PICKED_BY_THE_KERNEL: u16 = 32768;

/// What is listened on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Listening {
    /// Ports of TCP.
    pub(super) ports: BTreeSet<u16>,
    /// Sockets, by the paths that they were made with.
    pub(super) sockets: Vec<PathBuf>,
}

/// What the processes that share the mounts of this one listen on: a container's do.
pub(super) fn listening(pid: u32) -> Listening {
    let mut found = Listening::default();
    let Some(mounts) = namespace(pid, "mnt") else { return found };
    let held: BTreeSet<u64> = processes()
        .filter(|process| namespace(*process, "mnt").as_ref() == Some(&mounts))
        .flat_map(sockets_of)
        .collect();
    for table in ["tcp", "tcp6"] {
        let ports = lines_of(pid, table).into_iter().filter_map(|line| listening_port(&line));
        found.ports.extend(ports.filter(|(_, inode)| held.contains(inode)).map(|(port, _)| port));
    }
    let sockets = lines_of(pid, "unix").into_iter().filter_map(|line| listening_socket(&line));
    found.sockets.extend(sockets.filter(|(_, inode)| held.contains(inode)).map(|(path, _)| path));
    found
}

/// The ports that a service would have again after a start.
pub(super) fn lasting_ports(pid: u32) -> Vec<u16> {
    let ports = listening(pid).ports.into_iter();
    ports.filter(|port| *port < PICKED_BY_THE_KERNEL).collect()
}

/// Every process there is.
pub(super) fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Which namespace of a kind a process is in.
pub(super) fn namespace(pid: u32, kind: &str) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok()
}

/// The sockets that a process has open, by number.
fn sockets_of(pid: u32) -> Vec<u64> {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let number =
        |link: PathBuf| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok();
    open.filter_map(|entry| number(fs::read_link(entry.path()).ok()?)).collect()
}

fn lines_of(pid: u32, table: &str) -> Vec<String> {
    let text = fs::read(Path::new("/proc").join(pid.to_string()).join("net").join(table));
    let text = text.unwrap_or_default();
    String::from_utf8_lossy(&text).lines().skip(1).map(str::to_owned).collect()
}

/// Of a line of proc_net(5)'s table `tcp`: state 0A listens.
fn listening_port(line: &str) -> Option<(u16, u64)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (_, port) = words.get(1)?.rsplit_once(':')?;
    let listens = *words.get(3)? == "0A";
    let port = u16::from_str_radix(port, 16).ok()?;
    listens.then_some(())?;
    Some((port, words.get(9)?.parse().ok()?))
}

/// Of a line of the table `unix`: the flag `__SO_ACCEPTCON` listens.
fn listening_socket(line: &str) -> Option<(PathBuf, u64)> {
    let mut words = line.split_whitespace();
    let (flags, inode) = (words.nth(3)?, words.nth(2)?);
    // The path is the rest of the line, whatever is in it.
    let (_, path) = line.split_once(&format!(" {inode} "))?;
    (flags == "00010000").then_some((path.into(), inode.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, os::unix::net::UnixListener};

    use super::*;

    #[test]
    fn our_own_listeners_are_found() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        let folder = std::env::temp_dir().join(format!("holdfast-listen-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let path = folder.join("a socket");
        let socket = UnixListener::bind(&path).unwrap();
        let found = listening(std::process::id());
        assert!(found.ports.contains(&port.local_addr().unwrap().port()));
        assert!(found.sockets.iter().any(|found| found.starts_with(&folder)), "{found:?}");
        drop((port, socket));
        fs::remove_dir_all(&folder).unwrap();
        assert!(listening_port("0: 0100007F:0050 00000000:0000 01 0 0 0 0 0 7 1").is_none());
    }
}
