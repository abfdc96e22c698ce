//! Dumps: those that fail leave nothing, what cannot be brought back is not saved, and what is saved
//! comes back, also by hand.

mod astray;
mod back;
mod broken;
mod by_hand;
mod changing;
mod credentials;
mod refused;

use holdfast_tests::{DatabaseSite, MariaDb};

/// A site with two small tables.
fn small_site() -> DatabaseSite {
    let site = DatabaseSite::new();
    fill(&site);
    site
}

fn fill(site: &DatabaseSite) {
    site.server.load(
        MariaDb::SCHEMA,
        b"CREATE TABLE links (page INT); INSERT INTO links VALUES (1), (2);
          CREATE TABLE pages (id INT PRIMARY KEY, title VARCHAR(40));
          INSERT INTO pages VALUES (1, 'one'), (2, 'two');",
    );
}

/// Programs of a client that speaks another character set, whose comment the server tells in a
/// wrong way: made again, they have `cafÃ©` for `café` there.
const MISTOLD: [&str; 2] = ["event café", "procedure café"];
