//! A server reached by TCP, and by the client inside a container.
//!
//! Needs: mariadb, restic, strace.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt};

use holdfast_tests::{MariaDb, damage_small_shop, fill_small_shop};

use super::Scene;

fn goes_round(scene: &Scene) {
    fill_small_shop(&scene.server, MariaDb::SCHEMA);
    let good = scene.schema();
    let snapshot = scene.node.backed_up();
    damage_small_shop(&scene.server, MariaDb::SCHEMA);
    scene.node.restore(&snapshot).run().completed();
    let now = scene.schema();
    assert!(now == good, "{}", now.differences(&good));
    scene.node.recover();
}

/// Passes what comes to a port on to the server's socket.
fn port_of(scene: &Scene) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let socket = scene.server.socket();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(server) = std::os::unix::net::UnixStream::connect(&socket) else { return };
            let (from, to) = (client.try_clone(), server.try_clone());
            let (mut from, mut to) = (from.expect("a copy"), to.expect("a copy"));
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(std::net::Shutdown::Write);
            });
            let (mut from, mut to) = (server, client);
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(std::net::Shutdown::Write);
            });
        }
    });
    port
}

#[test]
fn a_database_is_reached_by_tcp() {
    let scene = Scene::open();
    let (root, port) = (scene.node.root().display(), port_of(&scene));
    scene.node.configure(
        "",
        &format!(
            "[[site.databases]]\nid = \"shop\"\nname = \"Shop\"\nhost = \"127.0.0.1\"\n\
             port = {port}\ncredentials_file = \"{root}/etc/mariadb.toml\"\n"
        ),
    );
    goes_round(&scene);
}

/// In place of docker: it checks how it is called, and runs the command with a network of its own
/// kind, the server's socket, which the client inside a container would find by itself.
#[test]
fn a_database_is_reached_by_the_client_inside_a_container() {
    let scene = Scene::open();
    let (root, socket) = (scene.node.root().display(), scene.server.socket());
    let docker = scene.node.root().join("etc/docker");
    let text = format!(
        "#!/bin/sh\n[ \"$1 $2 $3 $4\" = 'exec -i shop-42 sh' ] || exit 1\nshift 3\n\
         command=$1 flag=$2 script=$3 name=$4 tool=$5 defaults=$6\nshift 6\n\
         exec \"$command\" \"$flag\" \"$script\" \"$name\" \"$tool\" \"$defaults\" \
         --socket={} \"$@\"\n",
        socket.display()
    );
    fs::write(&docker, text).expect("a script");
    fs::set_permissions(&docker, fs::Permissions::from_mode(0o755)).expect("a mode");
    scene.node.configure(
        "",
        &format!(
            "[[site.databases]]\nid = \"shop\"\nname = \"Shop\"\ncontainer = \"shop-{{id}}\"\n\
             credentials_file = \"{root}/etc/mariadb.toml\"\n"
        ),
    );
    let file = scene.node.root().join("etc/executor.toml");
    let text = fs::read_to_string(&file).expect("the configuration");
    let named = format!("[node]\ndocker = \"{}\"\n", docker.display());
    scene.node.secret("etc/executor.toml", &text.replacen("[node]\n", &named, 1));
    goes_round(&scene);
}
