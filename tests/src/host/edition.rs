//! The sites of an installed host. Shop 42 is served by PHP from its files and its database, and has a
//! unit of its own; bakery 43 is a page of static files, which nothing that is done to the shop may
//! touch.
//!
//! The shop's first page says which edition its files are of, and which its rows: a visitor who is
//! shown two different ones has met a site that is neither old nor new.

use std::{fs, os::unix::fs::chown, path::Path};

use super::{Host, Seen};
use crate::{Tree, eventually};

/// All of the shop at one moment: each file, and each row, program and table.
#[derive(Clone, PartialEq, Eq)]
pub struct Edition {
    tree: Tree,
    rows: String,
}

/// Where it differs is for [`Host::expect_edition`] to say.
impl std::fmt::Debug for Edition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} and {} bytes of rows", self.tree, self.rows.len())
    }
}

const PAGE: &str = r#"<?php
header('Content-Type: text/plain');
mysqli_report(MYSQLI_REPORT_OFF);
$files = trim(file_get_contents(__DIR__ . '/edition.txt'));
$shop = mysqli_connect('localhost', 'customer_42', 'shop', 'customer_42');
$row = $shop ? $shop->query('SELECT edition FROM pages WHERE id = 1') : null;
if (!$row) {
    http_response_code(500);
    exit('no database');
}
echo "files $files, rows ", $row->fetch_row()[0];
"#;

const SCHEMA: &str = "
CREATE DATABASE customer_42 CHARACTER SET utf8mb4;
CREATE USER customer_42@localhost IDENTIFIED BY 'shop';
GRANT ALL ON `customer\\_42`.* TO customer_42@localhost;
USE customer_42;
CREATE TABLE pages (id INT PRIMARY KEY, edition TEXT, text TEXT);
CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, page INT REFERENCES pages (id), note TEXT);
INSERT INTO pages SELECT seq, 'none', REPEAT(MD5(seq), 20) FROM seq_1_to_2000;
INSERT INTO orders (page, note) SELECT seq, 'none' FROM seq_1_to_500;
CREATE DEFINER = customer_42@localhost TRIGGER noted BEFORE INSERT ON orders FOR EACH ROW
  SET NEW.note = COALESCE(NEW.note, 'none');
CREATE DEFINER = customer_42@localhost VIEW latest AS SELECT MAX(id) AS id FROM orders;
";

/// How the two are served, and what they need of the executor.
const SHOP_NGINX: &str = "server {
    listen 80;
    server_name shop-42.test;
    root /var/customers/customer-42/public;
    set $holdfast_base /var/customers/customer-42;
    include snippets/holdfast-site.conf;
    location / { try_files $uri /index.php; }
    location ~ \\.php$ {
        include fastcgi.conf;
        fastcgi_param HTTP_X_HOLDFAST_PROBE \"\";
        fastcgi_pass unix:/run/php/php-fpm.sock;
    }
}
";
const BAKERY_NGINX: &str = "server {
    listen 80;
    server_name shop-43.test;
    root /var/customers/customer-43/public;
    set $holdfast_base /var/customers/customer-43;
    include snippets/holdfast-site.conf;
    index index.html;
}
";
const SHOP: &str = "[site]
reserve = 0
undo_min_free = 0
[[site.files]]
id = \"web\"
name = \"Website\"
path = \"/var/customers/customer-{id}/public\"
[[site.databases]]
id = \"main\"
name = \"Shop\"
socket = \"/run/mysqld/mysqld.sock\"
credentials_file = \"/etc/holdfast/mariadb.toml\"
[site.services]
units = [\"shop-42.service\"]
[site.probe]
url = \"http://shop-{id}.test/\"
text = \"files\"
";
const BAKERY: &str = "[site]
reserve = 0
undo_min_free = 0
[[site.files]]
id = \"web\"
name = \"Website\"
path = \"/var/customers/customer-{id}/public\"
";
/// What works at the shop beside its pages: it holds a file of it open.
const SHOP_UNIT: &str = "[Unit]
Description=The shop's own work
[Service]
ExecStart=/usr/bin/tail -f /var/customers/customer-42/public/edition.txt
[Install]
WantedBy=multi-user.target
";

impl Host {
    /// The shop's number.
    pub const SHOP: u32 = 42;
    /// The bakery's number.
    pub const BAKERY: u32 = 43;

    /// Makes both sites, known to nginx, to the executor and to the control database; the shop is of the
    /// edition `one`.
    pub(super) fn make_sites(&self) {
        for (site, owner) in [(Self::SHOP, 1042), (Self::BAKERY, 1043)] {
            self.run(&format!(
                "install -d -m 755 /var/customers/customer-{site}
                 install -d -m 755 -o {owner} -g {owner} /var/customers/customer-{site}/public"
            ));
        }
        self.write("/root/schema.sql", SCHEMA);
        self.run("mariadb </root/schema.sql");
        let public = self.public();
        fs::write(public.join("index.php"), PAGE).expect("a page");
        fs::create_dir(public.join("pictures")).expect("a folder");
        self.publish("one");
        let bakery = self.plain("customers").join("customer-43/public/index.html");
        fs::write(bakery, "bread\n").expect("a page");
        self.write("/etc/holdfast/customers/42.toml", SHOP);
        self.write("/etc/holdfast/customers/43.toml", BAKERY);
        self.write("/etc/nginx/sites-enabled/shop-42", SHOP_NGINX);
        self.write("/etc/nginx/sites-enabled/shop-43", BAKERY_NGINX);
        self.write("/etc/systemd/system/shop-42.service", SHOP_UNIT);
        self.run(
            "systemctl daemon-reload
             systemctl enable --quiet --now shop-42
             nginx -qt
             systemctl reload nginx
             mariadb holdfast -e 'INSERT INTO customers (id) VALUES (42), (43)'
             for site in 42 43; do
                 /opt/holdfast/bin/holdfast-enqueue --config /etc/holdfast/admin.toml \
                     customer add $site --external-id $site
             done",
        );
        // nginx answers by its earlier rules for a moment.
        for (site, page) in
            [(Self::SHOP, Self::shows("one")), (Self::BAKERY, Seen::Page("bread".into()))]
        {
            eventually(&format!("{page:?}"), || (self.page(site) == page).then_some(()));
        }
    }

    /// The customer makes another edition of the shop: files and rows are changed, gone and new.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn publish(&self, edition: &str) -> Edition {
        let public = self.public();
        let pictures = public.join("pictures");
        fs::remove_dir_all(&pictures).expect("a folder");
        fs::create_dir(&pictures).expect("a folder");
        for number in 0..100 {
            let picture = pictures.join(format!("{edition}-{number}"));
            fs::write(picture, edition.repeat(2000 * (number % 7))).expect("a picture");
        }
        fs::write(public.join("edition.txt"), edition).expect("a file");
        own(&public);
        self.run(&format!(
            "mariadb customer_42 -e \"UPDATE pages SET edition = '{edition}'; \
             UPDATE orders SET note = '{edition}'; INSERT INTO orders (page) VALUES (1)\""
        ));
        self.edition()
    }

    /// What the shop's first page says when files and rows are of this edition.
    pub fn shows(edition: &str) -> Seen {
        Seen::Page(format!("files {edition}, rows {edition}"))
    }

    /// All of the shop as it is.
    pub fn edition(&self) -> Edition {
        let rows = self.run(
            "mariadb --batch --skip-column-names customer_42 -e '
             SELECT * FROM pages ORDER BY id; SELECT * FROM orders ORDER BY id;
             SELECT * FROM latest; SHOW TABLES; SHOW CREATE TABLE orders; SHOW CREATE VIEW latest;
             SELECT TRIGGER_NAME, DEFINER, ACTION_STATEMENT FROM information_schema.TRIGGERS
             WHERE TRIGGER_SCHEMA = DATABASE()'",
        );
        Edition { tree: Tree::read(&self.public()), rows }
    }

    /// The shop is of this edition, to the last file and row, and both sites are open.
    ///
    /// # Panics
    /// If not.
    pub fn expect_edition(&self, edition: &Edition) {
        let now = self.edition();
        assert!(now.tree == edition.tree, "{}", now.tree.differences(&edition.tree));
        assert!(now.rows == edition.rows, "the rows are not of this edition, the files are");
        for site in [Self::SHOP, Self::BAKERY] {
            let page = self.page(site);
            assert!(matches!(page, Seen::Page(_)), "shop-{site}.test: {page:?}");
        }
        let closed = self.plain("customers").join("customer-42/.maintenance");
        assert!(!closed.exists(), "the shop is closed");
    }

    fn public(&self) -> std::path::PathBuf {
        self.plain("customers").join("customer-42/public")
    }
}

fn own(path: &Path) {
    chown(path, Some(1042), Some(1042)).expect("an owner");
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            own(&entry.expect("an entry").path());
        }
    }
}
