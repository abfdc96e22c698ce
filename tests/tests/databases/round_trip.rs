//! Everything that a schema can have comes back as it was.
//!
//! Needs: mariadb, restic, strace.

use holdfast_tests::{MariaDb, damage, damage_shop, fill_shop};

use super::Scene;

#[test]
fn a_damaged_database_comes_back_exactly_and_the_damage_too() {
    let scene = Scene::open();
    fill_shop(&scene.server, MariaDb::SCHEMA);
    let (good, good_tree) = (scene.schema(), scene.node.tree());
    let snapshot = scene.node.backed_up();
    damage_shop(&scene.server, MariaDb::SCHEMA);
    damage(&scene.node.live());
    let (bad, bad_tree) = (scene.schema(), scene.node.tree());
    assert_ne!(good, bad);
    let result = scene.node.restore(&snapshot).run();
    result.completed();
    let restored = scene.schema();
    assert_eq!(scene.node.tree(), good_tree);
    assert!(good == restored, "{}\n{result:?}", good.differences(&restored));
    scene.node.undo().run().completed();
    let undone = scene.schema();
    assert!(bad == undone, "{}", bad.differences(&undone));
    assert_eq!(scene.node.tree(), bad_tree);
    scene.node.undo().run().completed();
    let again = scene.schema();
    assert!(good == again, "{}", good.differences(&again));
    scene.node.recover();
}
