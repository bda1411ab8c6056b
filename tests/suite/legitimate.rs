//! What people legitimately push, however odd: accepted without a word.

use crate::support::{World, keys, objects};

#[test]
fn a_first_push_that_creates_main() {
    let world = World::new();
    world.signed_main();
    let one = objects::signed(&world, keys::ALICE_SSH, &[], "one");
    world.accepts(&[&format!("{one}:refs/heads/main")]);
    let two = objects::signed(&world, keys::DAVE_OPENPGP, &[&one], "two");
    world.accepts(&[&format!("{two}:refs/heads/main")]);
}
