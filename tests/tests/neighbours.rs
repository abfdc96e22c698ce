//! What one customer's orders leave to the others: slots, memory, processor.
//!
//! Needs: restic.

use std::{fs, path::Path};

use holdfast_job::Outcome;
use holdfast_tests::{Call, Node, Running, fill_site, restic};

/// Five customers with a site each.
fn five() -> Node {
    let node = Node::with_site();
    for customer in 43..=46 {
        let base = node.root().join(format!("customers/customer-{customer}"));
        fs::create_dir(&base).expect("a base");
        fill_site(&base.join("public"));
    }
    node
}

fn of(customer: u32, mut call: Call) -> Call {
    call.request.customer = customer.to_string().parse().expect("an id");
    call
}

#[test]
fn no_more_orders_run_at_once_than_the_node_has_slots() {
    let node = five();
    node.configure_all(&restic(), "max_orders = 2", "", "");
    let hold = |customer| {
        let running = of(customer, node.backup()).rehearsed("wait check").start();
        running.until_said("\"check\"");
        running
    };
    let (mut first, mut second) = (hold(42), hold(43));
    for customer in [44, 45] {
        let call = of(customer, node.backup());
        let result = call.run().ended_as(Outcome::Busy);
        assert!(result.operator_message.contains("node.max_orders"), "{result:?}");
        assert!(result.customer_message.contains("has its turn soon"), "{result:?}");
        assert!(!node.root().join(format!("state/journals/customer-{customer}")).exists());
    }
    // Whoever is killed gives its slot back with all that it had started.
    first.kill();
    first.wait();
    of(44, node.backup()).run().completed();
    of(45, node.backup()).run().completed();
    second.let_go();
    second.wait().ended_as(Outcome::Stopped);
    node.recover();
}

#[test]
fn a_repository_has_slots_of_its_own_which_an_undo_does_not_need() {
    let node = five();
    let root = node.root().display();
    let snapshot = node.backed_up();
    node.restore(&snapshot).run().completed();
    let repository = format!(
        "[repositories.manual]\nurl = \"{root}/repositories/customer-{{id}}\"\n\
         password_file = \"{root}/etc/password\"\nmax_orders = 1\n"
    );
    node.configure("", &repository);
    let mut first = of(43, node.backup()).rehearsed("wait check").start();
    first.until_said("\"check\"");
    let result = node.restore(&snapshot).run().ended_as(Outcome::Busy);
    let key = "repositories.manual.max_orders";
    assert!(result.operator_message.contains(key), "{result:?}");
    node.undo().run().completed();
    first.let_go();
    first.wait().ended_as(Outcome::Stopped);
    node.recover();
}

/// Where the kernel keeps what a process may use.
struct Group {
    root: String,
    memory: String,
    /// The most memory that it had at once.
    peak: String,
    /// The share of the processor, and what stands there for a weight of 50.
    cpu: (String, &'static str),
}

fn group_of(pid: u32) -> Group {
    let mine = fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("its groups");
    let path_of = |controller: &str| {
        let line = mine.lines().find(|line| line.contains(controller))?;
        Some(line.rsplit(':').next().expect("a path").trim_start_matches('/'))
    };
    let group = match (path_of(":memory:"), path_of(":cpu:")) {
        (Some(memory), Some(cpu)) => {
            let root = format!("/sys/fs/cgroup/memory/{memory}");
            Group {
                memory: format!("{root}/memory.limit_in_bytes"),
                peak: format!("{root}/memory.max_usage_in_bytes"),
                cpu: (format!("/sys/fs/cgroup/cpu/{cpu}/cpu.shares"), "512"),
                root,
            }
        }
        _ => {
            let root = format!("/sys/fs/cgroup/{}", path_of("0::").expect("a group"));
            Group {
                memory: format!("{root}/memory.max"),
                peak: format!("{root}/memory.peak"),
                cpu: (format!("{root}/cpu.weight"), "50"),
                root,
            }
        }
    };
    assert!(group.root.contains("holdfast"), "{mine}");
    group
}

fn read(file: &str) -> String {
    fs::read_to_string(file).expect(file).trim().to_owned()
}

#[test]
fn four_orders_at_once_stay_within_their_caps_and_a_fifth_waits() {
    let node = five();
    let limits = "[limits]\nmemory_bytes = 268435456\ncpu_weight = 50\n";
    node.configure_all(&restic(), "max_orders = 4", "", limits);
    let mut four: Vec<_> = (42..=45)
        .map(|customer| of(customer, node.backup()).rehearsed("wait tidy").start())
        .collect();
    four.iter().for_each(|running| running.until_said("\"stage\":\"tidy\""));
    for running in &four {
        let Group { peak, .. } = group_of(running.pid());
        let peak: u64 = read(&peak).parse().expect("a number");
        assert!((1 << 20..=256 << 20).contains(&peak), "{peak} bytes");
    }
    let fifth = of(46, node.backup());
    fifth.run().ended_as(Outcome::Busy);
    four.iter_mut().for_each(Running::let_go);
    four.into_iter().for_each(|running| drop(running.wait().completed()));
    fifth.run().completed();
    node.recover();
}

/// On a machine with control groups and without systemd, as a container or this one is.
#[test]
fn an_order_and_all_that_it_starts_have_their_share_of_memory_and_processor() {
    let node = Node::with_site();
    node.configure("", "[limits]\nmemory_bytes = 536870912\ncpu_weight = 50\nio_weight = 50\n");
    let mut running = node.backup().rehearsed("wait check").start();
    running.until_said("\"check\"");
    let Group { root, memory, cpu, .. } = group_of(running.pid());
    assert_eq!(read(&memory), "536870912");
    assert_eq!(read(&cpu.0), cpu.1);
    running.let_go();
    running.wait().ended_as(Outcome::Stopped);
    assert!(!Path::new(&root).exists(), "the group is gone with the order");
    // What is killed leaves its group to the next order.
    let mut running = node.backup().rehearsed("wait check").start();
    running.until_said("\"check\"");
    let Group { root, .. } = group_of(running.pid());
    running.kill();
    running.wait();
    node.quiet();
    node.backup().run().completed();
    assert!(!Path::new(&root).exists(), "it is gone with the next");
    node.recover();
}
