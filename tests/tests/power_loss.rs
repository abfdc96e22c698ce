//! Power loss: ext4's own shutdown call on a loop device at each step of the swap. After the next
//! mount and `recover`, the site is old or new, with no file of no length and none missing.
//!
//! Needs: disk, restic, strace.

use std::{fs, path::PathBuf, process::Stdio};

use holdfast_job::Order;
use holdfast_tests::{
    Call, Node, Point, SECTION_CALLS, Tree, damage, eventually, fill_site, program,
    sweep::{Plan, say},
    traced_points,
};

/// An ext4 of the test's own, in a file.
struct Disk {
    image: PathBuf,
    mount: PathBuf,
}

fn run(path: &str, args: &[&str]) {
    let output = program(path).args(args).output().expect(path);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{path} {args:?}: {errors}");
}

impl Disk {
    fn new(name: &str) -> Self {
        let place = std::env::temp_dir();
        let own = |what: &str| place.join(format!("holdfast-{what}-{}-{name}", std::process::id()));
        let disk = Self { image: own("image"), mount: own("disk") };
        fs::create_dir(&disk.mount).expect("a mount point");
        let file = fs::File::create(&disk.image).expect("an image");
        file.set_len(96 << 20).expect("its size");
        run("/usr/sbin/mkfs.ext4", &["-q", "-m", "0", &disk.image.display().to_string()]);
        disk.mount();
        disk
    }

    fn mount(&self) {
        let (image, mount) = (self.image.display().to_string(), self.mount.display().to_string());
        run("/usr/bin/mount", &["-o", "loop", &image, &mount]);
    }

    fn unmount(&self) {
        eventually("an unmount", || {
            let status = program("/usr/bin/umount").arg(&self.mount).stderr(Stdio::null()).status();
            status.expect("umount").success().then_some(())
        });
        // A mount namespace that somebody made meanwhile holds the file system a little longer.
        eventually("the loop device let go", || {
            let listed = program("/usr/sbin/losetup").arg("-j").arg(&self.image).output();
            listed.expect("losetup").stdout.is_empty().then_some(())
        });
    }

    /// EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: nothing more reaches the disk.
    fn cut_power(&self) {
        let script = r#"open(my $d, "<", $ARGV[0]) or die $!;
            my $flags = pack("L", 2); ioctl($d, 0x8004587D, $flags) or die $!;"#;
        run("/usr/bin/perl", &["-e", script, &self.mount.display().to_string()]);
    }

    fn kept(&self) -> PathBuf {
        self.image.with_extension("kept")
    }

    fn keep(&self) {
        let (image, kept) = (self.image.display().to_string(), self.kept().display().to_string());
        run("/usr/bin/cp", &["--sparse=always", &image, &kept]);
    }

    fn bring_back(&self) {
        fs::copy(self.kept(), &self.image).expect("the image of before");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = program("/usr/bin/umount").arg(&self.mount).stderr(Stdio::null()).status();
        let _ = fs::remove_dir(&self.mount);
        let _ = fs::remove_file(&self.image);
        for extension in ["kept", "strace"] {
            let _ = fs::remove_file(self.image.with_extension(extension));
        }
    }
}

/// Stops the executor as a call is done, cuts the power, and starts the machine again.
fn lose_power(disk: &Disk, call: &Call, point: &Point, more: &[&str]) {
    let Point { call: name, number } = point;
    let inject = format!("inject={name}:signal=SIGSTOP:when={number}");
    let record = disk.image.with_extension("strace").display().to_string();
    let _ = fs::remove_file(&record);
    let mut words = vec!["/usr/bin/strace", "-qq", "-o", &record, "-e", &inject];
    words.extend(more);
    let running = call.clone().wrapped(&words).start();
    eventually("a stopped executor", || {
        fs::read_to_string(&record).unwrap_or_default().contains("stopped by SIGSTOP").then_some(())
    });
    let children = format!("/proc/{0}/task/{0}/children", running.pid());
    let children = fs::read_to_string(children).expect("strace's child");
    let executor = children.split_whitespace().next().expect("the executor");
    disk.cut_power();
    run("/usr/bin/kill", &["-KILL", executor]);
    running.wait();
    disk.unmount();
    disk.mount();
}

/// A disk with a site on it, and what it was like before the order and is to be after it.
struct Scene {
    node: Node,
    disk: Disk,
    order: Order,
    old: Tree,
    new: Tree,
}

impl Scene {
    fn prepare(plan: Plan) -> Self {
        let disk = Disk::new(&format!("{plan:?}"));
        let mut node = Node::within(&disk.mount);
        node.expect_left_overs();
        fill_site(&node.live());
        let good = node.tree();
        let snapshot = node.backed_up();
        damage(&node.live());
        let bad = node.tree();
        let restore = node.restore(&snapshot);
        let (order, old, new) = match plan {
            Plan::Undo => {
                restore.run().completed();
                (node.undo().request.order, good, bad)
            }
            _ => (restore.request.order, bad, good),
        };
        disk.unmount();
        disk.keep();
        disk.mount();
        Self { node, disk, order, old, new }
    }

    fn reset(&self) {
        self.disk.unmount();
        self.disk.bring_back();
        self.disk.mount();
        let live = self.node.tree();
        assert!(live == self.old, "the beginning: {}", live.differences(&self.old));
    }

    fn call(&self) -> Call {
        self.node.order(self.order.clone())
    }

    /// Cuts the power at every call of the swap section.
    fn cut_everywhere(&self) -> Vec<Point> {
        let record = self.disk.image.with_extension("strace");
        let traced = traced_points(&self.call(), &SECTION_CALLS, &record);
        traced.ended.completed();
        for point in &traced.points {
            self.reset();
            lose_power(&self.disk, &self.call(), point, &[]);
            self.node.recover();
            let live = self.node.tree();
            let whole = live == self.old || live == self.new;
            assert!(whole, "{point:?}: {}", live.differences(&self.new));
            assert!(!self.node.flag().exists(), "{point:?}: closed");
        }
        traced.points
    }

    fn leave(self) {
        let Self { node, disk, .. } = self;
        drop(node);
        disk.unmount();
    }
}

#[test]
fn a_power_cut_at_any_step_of_a_restore_leaves_an_old_or_a_new_site() {
    let scene = Scene::prepare(Plan::Restore);
    let points = scene.cut_everywhere();
    say("Restore of files", "power lost", points.len());
    // The version without `syncfs`: the call is answered and not made.
    scene.reset();
    let last = points.iter().rfind(|point| point.call == "unlinkat").expect("the opening");
    lose_power(&scene.disk, &scene.call(), last, &["-e", "inject=syncfs:retval=0"]);
    scene.node.recover();
    let live = scene.node.tree();
    let whole = live == scene.old || live == scene.new;
    assert!(!whole, "without syncfs nothing was lost, so this test shows nothing");
    scene.leave();
}

#[test]
fn a_power_cut_at_any_step_of_an_undo_leaves_an_old_or_a_new_site() {
    let scene = Scene::prepare(Plan::Undo);
    say("Undo of files", "power lost", scene.cut_everywhere().len());
    scene.leave();
}
