//! What one customer's orders leave to the others: slots, memory, processor.

use std::fs;

use holdfast_job::Outcome;
use holdfast_tests::{Call, Node, fill_site, restic};

/// Four customers with a site each.
fn four() -> Node {
    let node = Node::with_site();
    for customer in 43..=45 {
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
    let node = four();
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
    let node = four();
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

/// The groups that a process is in, as the kernel says.
fn groups(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("its groups")
}

/// On a machine with control groups and without systemd, as a container or this one is.
#[test]
fn an_order_and_all_that_it_starts_have_their_share_of_memory_and_processor() {
    let node = Node::with_site();
    node.configure("", "[limits]\nmemory_bytes = 536870912\ncpu_weight = 50\nio_weight = 50\n");
    let mut running = node.backup().rehearsed("wait check").start();
    running.until_said("\"check\"");
    let mine = groups(running.pid());
    let (root, memory, cpu) = match mine.lines().find(|line| line.contains(":memory:")) {
        Some(line) => {
            let path = line.rsplit(':').next().expect("a path").trim_start_matches('/');
            let cpu = mine.lines().find(|line| line.contains(":cpu:")).expect("cpu");
            let cpu = cpu.rsplit(':').next().expect("a path").trim_start_matches('/');
            (
                format!("/sys/fs/cgroup/memory/{path}"),
                format!("/sys/fs/cgroup/memory/{path}/memory.limit_in_bytes"),
                (format!("/sys/fs/cgroup/cpu/{cpu}/cpu.shares"), "512"),
            )
        }
        None => {
            let path = mine.trim().trim_start_matches("0::/").to_owned();
            let root = format!("/sys/fs/cgroup/{path}");
            let (memory, cpu) = (format!("{root}/memory.max"), format!("{root}/cpu.weight"));
            (root, memory, (cpu, "50"))
        }
    };
    assert!(root.contains("holdfast"), "{mine}");
    let read = |file: &str| fs::read_to_string(file).expect(file).trim().to_owned();
    assert_eq!(read(&memory), "536870912");
    assert_eq!(read(&cpu.0), cpu.1);
    running.let_go();
    running.wait().ended_as(Outcome::Stopped);
    assert!(!std::path::Path::new(&root).exists(), "the group is gone with the order");
    // What is killed leaves its group to the next order.
    let mut running = node.backup().rehearsed("wait check").start();
    running.until_said("\"check\"");
    running.kill();
    running.wait();
    node.quiet();
    node.backup().run().completed();
    assert!(!std::path::Path::new(&root).parent().expect("ours").exists(), "none is left");
    node.recover();
}
