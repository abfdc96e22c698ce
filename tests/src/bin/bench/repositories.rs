//! What one repository for all customers costs beside one for each: bare restic, since it is restic's own
//! cost, on customers who have most files in common, as where everybody runs the same shop system.
//!
//! At 1,000 the shared repository has a thousand snapshots, which are those of a hundred customers under
//! further names. A repository of one customer's own does not know how many others there are, so that
//! its figures are those of whichever number was measured.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use holdfast_tests::{Node, output_of, program, restic};

use super::{Figure, Size, make_site, timed};

/// What every site has.
const COMMON: Size = Size { files: 400, bytes_each: 10_000, name: "" };
/// What it has beside that, of its own.
const OWN: Size = Size { files: 100, bytes_each: 10_000, name: "" };
/// So many are saved at once while the repositories are filled.
const AT_ONCE: usize = 6;
/// So many customers have files; further ones have snapshots alone.
const WITH_FILES: usize = 100;

/// Where customers are saved.
#[derive(Clone, Copy, PartialEq)]
enum Layout {
    Own,
    Shared,
}

/// A host with its customers.
struct Host {
    node: Node,
}

/// What one thing took with a customer's own repository, and with the shared one.
type Pair = (Duration, Duration);

/// Every figure.
pub fn figures() -> Vec<Figure> {
    let host = Host::new();
    let mut figures = Vec::new();
    for (before, customers, size) in [(0, 10, "10 customers"), (10, WITH_FILES, "100 customers")] {
        eprintln!("making {size} …");
        host.fill(before, customers);
        let bytes = [Layout::Own, Layout::Shared].map(|layout| host.megabytes(layout));
        figures.push(
            Figure::new("repositories.disk", size, bytes[0], "MB").beside("shared", bytes[1]),
        );
        figures.extend(host.measure(size));
    }
    eprintln!("making 1000 snapshots …");
    host.multiply(10);
    figures.extend(host.measure("1,000 customers"));
    figures
}

impl Host {
    fn new() -> Self {
        let host = Self { node: Node::new() };
        make_site(&host.place("common"), COMMON);
        host.run(&host.shared(), &["init"]);
        host
    }

    fn place(&self, name: &str) -> PathBuf {
        self.node.root().join(name)
    }

    fn site(&self, customer: usize) -> PathBuf {
        self.place(&format!("customers/customer-{customer}/public"))
    }

    fn shared(&self) -> PathBuf {
        self.place("repositories/shared")
    }

    fn repository(&self, layout: Layout, customer: usize) -> PathBuf {
        match layout {
            Layout::Own => self.place(&format!("repositories/own/customer-{customer}")),
            Layout::Shared => self.shared(),
        }
    }

    /// Makes these customers, each with a backup in either layout.
    fn fill(&self, from: usize, to: usize) {
        let next = AtomicUsize::new(from);
        thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    loop {
                        let customer = next.fetch_add(1, Ordering::Relaxed);
                        if customer >= to {
                            break;
                        }
                        self.make_site(customer);
                        self.run(&self.repository(Layout::Own, customer), &["init"]);
                        for layout in [Layout::Own, Layout::Shared] {
                            self.save(layout, customer);
                        }
                    }
                });
            }
        });
    }

    fn make_site(&self, customer: usize) {
        let site = self.site(customer);
        let mut copy = program("/usr/bin/cp");
        fs::create_dir_all(site.parent().expect("a base")).expect("a folder");
        // The same bytes, which restic reads all the same.
        output_of(copy.arg("-al").arg(self.place("common")).arg(&site));
        let own = site.join("own");
        make_site(&own, OWN);
        // No two customers' are alike.
        for entry in fs::read_dir(own.join("0")).expect("a folder").flatten() {
            let mut text = fs::read(entry.path()).expect("a file");
            text.iter_mut().for_each(|byte| *byte = byte.rotate_left(customer as u32 % 8));
            text[..8].copy_from_slice(&customer.to_le_bytes());
            fs::write(entry.path(), text).expect("a file");
        }
    }

    fn save(&self, layout: Layout, customer: usize) -> Duration {
        let (host, site) = (format!("customer-{customer}"), self.site(customer));
        let site = site.display().to_string();
        self.run(
            &self.repository(layout, customer),
            &["backup", "--host", &host, "--tag", &host, &site],
        )
    }

    /// Gives every snapshot of the shared repository this many names.
    fn multiply(&self, times: usize) {
        let listed = output_of(&mut self.restic(&self.shared(), &["snapshots", "--json"]));
        let listed: Vec<serde_json::Value> = serde_json::from_str(&listed).expect("snapshots");
        let mut ids: Vec<&str> = listed.iter().filter_map(|it| it["id"].as_str()).collect();
        ids.truncate(WITH_FILES);
        for time in 1..times {
            let host = format!("further-{time}");
            self.run(&self.shared(), &[&["rewrite", "--new-host", &host], &ids[..]].concat());
        }
    }

    fn measure(&self, size: &'static str) -> Vec<Figure> {
        let pair = |act: &dyn Fn(Layout) -> Duration| (act(Layout::Own), act(Layout::Shared));
        // As on any other day: little has changed.
        let page = self.site(0).join("own/0/1");
        fs::write(&page, size).expect("a page");
        let backup = pair(&|layout| self.save(layout, 0));
        let list = pair(&|layout| {
            self.run(&self.repository(layout, 0), &["snapshots", "--tag", "customer-0", "--json"])
        });
        let forget = pair(&|layout| {
            let repository = self.repository(layout, 0);
            let newest = self.newest(&repository);
            self.run(&repository, &["forget", &newest])
        });
        let prune = pair(&|layout| self.run(&self.repository(layout, 0), &["prune"]));
        let figure = |name, (own, shared): Pair| {
            Figure::seconds(name, size, own).beside_duration("shared", shared)
        };
        vec![
            figure("repositories.backup", backup),
            figure("repositories.list", list),
            figure("repositories.forget", forget),
            figure("repositories.prune", prune),
        ]
    }

    /// The customer's newest snapshot, by its whole id.
    fn newest(&self, repository: &Path) -> String {
        let args = ["snapshots", "--tag", "customer-0", "--latest", "1", "--json"];
        let listed = output_of(&mut self.restic(repository, &args));
        let listed: Vec<serde_json::Value> = serde_json::from_str(&listed).expect("snapshots");
        listed.last().and_then(|it| it["id"].as_str()).expect("a snapshot").to_owned()
    }

    fn megabytes(&self, layout: Layout) -> f64 {
        let folder = match layout {
            Layout::Own => self.place("repositories/own"),
            Layout::Shared => self.shared(),
        };
        let said = output_of(program("/usr/bin/du").args(["-s", "--block-size=1"]).arg(folder));
        let bytes: f64 =
            said.split_whitespace().next().and_then(|n| n.parse().ok()).expect("bytes");
        bytes / 1e6
    }

    fn run(&self, repository: &Path, args: &[&str]) -> Duration {
        timed(|| output_of(&mut self.restic(repository, args))).1
    }

    fn restic(&self, repository: &Path, args: &[&str]) -> std::process::Command {
        let mut command = program(restic());
        command.env("RESTIC_PASSWORD_FILE", self.place("etc/password"));
        command.env("RESTIC_REPOSITORY", repository);
        command.arg("--cache-dir").arg(self.place("cache")).args(args);
        command
    }
}
