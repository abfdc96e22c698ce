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

use super::{Figure, Size, figure::median, make_site, timed};

/// What every site has.
const COMMON: Size = Size { files: 400, bytes_each: 10_000, name: "" };
/// What it has beside that, of its own.
const OWN: Size = Size { files: 100, bytes_each: 10_000, name: "" };
/// So many are saved at once while the repositories are filled.
const AT_ONCE: usize = 6;
/// So many customers have files; further ones have snapshots alone.
const WITH_FILES: usize = 100;

/// Each figure is the median of so many.
const ROUNDS: usize = 5;
/// What a round measures, in its order.
const FIGURES: [&str; 4] =
    ["repositories.backup", "repositories.list", "repositories.forget", "repositories.prune"];

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
        host.run(&host.empty(), &["init"]);
        host.copy_empty(&host.shared());
        host
    }

    fn place(&self, name: &str) -> PathBuf {
        self.node.root().join(name)
    }

    fn site(&self, customer: usize) -> PathBuf {
        self.place(&format!("customers/customer-{customer}/public"))
    }

    /// An empty repository. All others are copies of it, since restic makes each key as hard as the
    /// machine is fast in that moment.
    fn empty(&self) -> PathBuf {
        self.place("repositories/empty")
    }

    fn copy_empty(&self, to: &Path) {
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        output_of(program("/usr/bin/cp").arg("-a").arg(self.empty()).arg(to));
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
                        self.copy_empty(&self.repository(Layout::Own, customer));
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

    /// On any other day: little has changed, and one backup goes.
    fn measure(&self, size: &'static str) -> Vec<Figure> {
        let mut took = FIGURES.map(|_| (Vec::new(), Vec::new()));
        let page = self.site(0).join("own/0/1");
        for round in 0..ROUNDS {
            fs::write(&page, format!("{size}, round {round}")).expect("a page");
            let own = self.round(Layout::Own);
            let shared = self.round(Layout::Shared);
            for (of, (own, shared)) in took.iter_mut().zip(own.into_iter().zip(shared)) {
                of.0.push(own);
                of.1.push(shared);
            }
        }
        let figure = |(name, (own, shared))| {
            Figure::seconds(name, size, median(own)).beside_duration("shared", median(shared))
        };
        FIGURES.into_iter().zip(took).map(figure).collect()
    }

    /// What a repeat backup takes, the list of one customer's backups, forgetting one, and a prune, for
    /// which the repository is locked.
    fn round(&self, layout: Layout) -> [Duration; 4] {
        let repository = self.repository(layout, 0);
        let backup = self.save(layout, 0);
        let list = self.run(&repository, &["snapshots", "--tag", "customer-0", "--json"]);
        let newest = self.newest(&repository);
        let forget = self.run(&repository, &["forget", &newest]);
        [backup, list, forget, self.run(&repository, &["prune"])]
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
        // Copies of one repository have one id, by which a cache is known.
        let cache = self.place("caches").join(repository.file_name().expect("a name"));
        command.arg("--cache-dir").arg(cache).args(args);
        command
    }
}
