//! Dumps and manifests that do not agree, or name what no backup names.
//!
//! Needs: nothing.

use serde_json::{Value, json};

use super::{
    forge::{Forgery, small_site},
    watch::{finish, restored},
};

/// What is wrong, and the sentence that says so.
type Case = (Forgery, &'static str);

fn changed(good: &Forgery, change: impl Fn(&mut Value)) -> Forgery {
    let mut forged = good.clone();
    change(forged.database());
    forged
}

#[test]
fn a_dump_that_makes_something_else_than_its_manifest_says_is_not_restored() {
    let (site, good) = small_site();
    let marker = "CREATE TABLE holdfast_marker (moved_with_the_tables INT);";
    let cases: [Case; 6] = [
        (good.with_dump("CREATE TABLE more (id INT);"), "table `more` (InnoDB) is not as the"),
        (good.with_dump("DROP TABLE links;"), "table `links` is missing"),
        (good.with_dump("DELETE FROM links; DELETE FROM pages;"), "has 0 rows and should have 2"),
        (good.with_dump(marker).with_table("holdfast_marker", "InnoDB", 0), "`holdfast_marker`"),
        (good.clone().with_table("a`; DROP DATABASE customer_43; --", "InnoDB", 0), "``; DROP"),
        (
            good.with_dump(
                "CREATE SEQUENCE s; CREATE TABLE d (id INT DEFAULT (NEXT VALUE FOR s));",
            )
            .with_table("d", "InnoDB", 0),
            "takes its default from a sequence by the schema's name",
        ),
    ];
    for (forged, sentence) in cases {
        restored(&site, &forged, Some(sentence));
    }
    finish(&site);
}

#[test]
fn a_manifest_with_names_that_are_none_is_not_restored() {
    let (site, good) = small_site();
    let charset = |name: &str, collation: &str| {
        changed(&good, |database| {
            database["charset"] = json!({"name": name, "collation": collation});
        })
    };
    let cases: [Case; 3] = [
        (charset("utf8mb4; DROP DATABASE customer_43", "x"), "a character set has no possible"),
        (
            charset("klingon", "klingon_bin"),
            "could not make a schema: the database server answered",
        ),
        (changed(&good, |d| d["id"] = "../shop".into()), "manifest is not understood"),
    ];
    for (forged, sentence) in cases {
        restored(&site, &forged, Some(sentence));
    }
    // Another character set that exists is only another character set.
    restored(&site, &charset("latin1", "latin1_german1_ci"), None);
    finish(&site);
}
