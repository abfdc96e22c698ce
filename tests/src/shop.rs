//! A sample shop's schema: small, but with everything in it that a schema can have.
//!
//! It is SQL, in the files beside this one; but for what is not UTF-8.

use crate::MariaDb;

const TABLES: &[u8] = include_bytes!("shop/tables.sql");
const PROGRAMS: &[u8] = include_bytes!("shop/programs.sql");
const DAMAGE: &[u8] = include_bytes!("shop/damage.sql");

/// Programs of a client that speaks latin1: the `é` and the `€` are one byte each.
const LATIN1: &[u8] = b"
SET NAMES latin1 COLLATE latin1_german1_ci;
CREATE DEFINER = 'customer_42'@'localhost' PROCEDURE `caf\xe9`() COMMENT 'caf\xe9'
  SELECT 'caf\xe9 \x80', CHARSET('');
CREATE DEFINER = 'customer_42'@'localhost' TRIGGER `caf\xe9` BEFORE INSERT ON old FOR EACH ROW
  SET NEW.text = REPLACE(NEW.text, '\xe9', '\x80');
CREATE DEFINER = 'customer_42'@'localhost' VIEW `caf\xe9_view` AS SELECT 'caf\xe9 \x80' AS `caf\xe9`;
CREATE DEFINER = 'customer_42'@'localhost' EVENT `caf\xe9` ON SCHEDULE EVERY 1 YEAR
  STARTS '2037-01-01 00:00:00' DISABLE COMMENT 'caf\xe9' DO SET @text = '\xe9 \x80';
";

/// Fills an empty schema with a shop. The accounts it names are those of
/// [`MariaDb::with_tenants`]; the site's account must have all rights in the schema.
///
/// # Panics
/// If a statement fails.
pub fn fill_shop(server: &MariaDb, schema: &str) {
    server.load(schema, &[TABLES, PROGRAMS, LATIN1].concat());
}

/// Damages a shop: rows, tables, the sequence, programs of all kinds and grants are changed, gone
/// or new, and so is the schema's character set.
///
/// # Panics
/// If a statement fails.
pub fn damage_shop(server: &MariaDb, schema: &str) {
    server.load(schema, DAMAGE);
}

/// Fills an empty schema with a shop that has one of each thing and little of it.
///
/// # Panics
/// If a statement fails.
pub fn fill_small_shop(server: &MariaDb, schema: &str) {
    server.load(schema, include_bytes!("shop/small.sql"));
}

/// Damages a small shop: every kind of thing is changed, gone or new.
///
/// # Panics
/// If a statement fails.
pub fn damage_small_shop(server: &MariaDb, schema: &str) {
    server.load(schema, include_bytes!("shop/small-damage.sql"));
}
