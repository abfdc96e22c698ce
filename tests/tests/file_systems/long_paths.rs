//! Paths up to the longest that the system takes, and beyond.
//!
//! Needs: restic.

use std::{fs, path::Path};

use holdfast_job::Outcome;
use holdfast_tests::{Node, output_of, program};

/// Makes folders with names of `name` letters, until a file in the last has an absolute path of so many
/// bytes, and that file.
fn deepen(live: &Path, name: usize, length: usize) {
    let script = r#"my ($live, $name, $length) = @ARGV; chdir $live or die $!;
        my $now = length $live;
        for (;;) {
            my $rest = $length - $now - 1;
            last if $rest <= 255;
            my $next = $rest - $name - 1 < 1 ? $rest - 2 : $name;
            mkdir "d" x $next or die $!; chdir "d" x $next or die $!;
            $now += $next + 1;
        }
        open my $file, ">", "f" x ($length - $now - 1) or die $!; print $file "deep"; close $file;"#;
    let (name, length) = (name.to_string(), length.to_string());
    let live = live.display().to_string();
    output_of(program("/usr/bin/perl").args(["-e", script, &live, &name, &length]));
}

/// Every entry of a tree, whatever the lengths of their paths.
fn entries(live: &Path) -> String {
    let shown = "%P %y %s %m %U %T@ %l\\n";
    let mut find = program("/usr/bin/find");
    let said = output_of(find.current_dir(live).args([".", "-printf", shown]));
    let mut lines: Vec<&str> = said.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[test]
fn a_path_as_long_as_the_system_takes_comes_back() {
    for length in [3960, 4050, 4095] {
        let node = Node::with_site();
        deepen(&node.live(), 200, length);
        let good = entries(&node.live());
        let snapshot = node.backed_up();
        fs::write(node.live().join("index.php"), "hacked").expect("damage");
        let damaged = entries(&node.live());
        node.restore(&snapshot).run().completed();
        assert!(entries(&node.live()) == good, "{length}");
        node.undo().run().completed();
        assert!(entries(&node.live()) == damaged, "{length}");
        node.recover();
    }
}

#[test]
fn two_sources_with_long_paths_come_back_each_to_its_place() {
    let node = Node::new();
    let base = node.base().display().to_string().replace("customer-42", "customer-{id}");
    let source = |id: &str, path: &str| {
        format!("[[site.files]]\nid = \"{id}\"\nname = \"{id}\"\npath = \"{base}/{path}\"\n")
    };
    let places = ["public", "www/public"].map(|place| node.base().join(place));
    for (place, length) in places.iter().zip([4090, 4000]) {
        fs::create_dir_all(place).expect("a source");
        deepen(place, 200, length);
    }
    node.configure(&(source("web", "public") + &source("shop", "www/public")), "");
    let good = places.each_ref().map(|place| entries(place));
    let snapshot = node.backed_up();
    for place in &places {
        fs::write(place.join("hacked.php"), "hacked").expect("damage");
    }
    node.restore(&snapshot).run().completed();
    assert!(places.each_ref().map(|place| entries(place)) == good);
    node.recover();
}

#[test]
fn a_path_longer_than_the_system_takes_is_named_and_the_rest_of_the_backup_comes_back() {
    for (name, length) in [(200, 5000), (5, 5400)] {
        let node = Node::with_site();
        let good = entries(&node.live());
        deepen(&node.live(), name, length);
        let ended = node.backup().run();
        let result = ended.ended_as(Outcome::Incomplete);
        let named = result.unreadable.iter().any(|item| item.contains("/ddddd"));
        assert!(named && result.unreadable.join(" ").contains("file name too long"), "{ended:?}");
        let snapshot = result.snapshot.clone().expect("a snapshot");
        fs::write(node.live().join("index.php"), "hacked").expect("damage");
        output_of(program("/usr/bin/rm").arg("-rf").arg(node.live().join("d".repeat(name))));
        node.restore(&snapshot).run().completed();
        let restored = entries(&node.live());
        let without: Vec<&str> = restored.lines().filter(|line| !line.starts_with("dd")).collect();
        // The root's own time was changed by the folder that was made in it.
        let root = |line: &&&str| !line.starts_with(" d");
        let good: Vec<&str> = good.lines().filter(|line| root(&line)).collect();
        assert_eq!(without.into_iter().filter(|line| root(&line)).collect::<Vec<_>>(), good);
        assert!(restored.lines().any(|line| line.starts_with("dd")), "{restored}");
        node.recover();
    }
}
