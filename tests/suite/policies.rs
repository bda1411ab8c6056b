//! The policies that come with Countersign, each by real pushes.

use crate::support::{World, keys, objects};
use std::{fs, path::Path};

fn world_under(policy: &str) -> World {
    let world = World::new();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies").join(policy);
    world.policy(&fs::read_to_string(path).unwrap());
    world
}

#[test]
fn starter_lets_everything_in_and_says_what_it_would_refuse() {
    let world = world_under("starter.toml");
    world.git_in(&world.server(), &["config", "receive.denyDeleteCurrent", "ignore"]);
    let told = |refspecs: &[&str], words: &[&str]| {
        let pushed = world.push(refspecs);
        assert!(pushed.succeeded && pushed.hook == Some(0), "{}", pushed.output);
        let told = pushed.told();
        assert_eq!(told.contains("warning: "), !words.is_empty(), "{told}");
        assert!(words.iter().all(|word| told.contains(word)), "{words:?}: {told}");
    };
    let unsigned = objects::unsigned(&world, &[], "one");
    let stranger = objects::signed(&world, keys::MALLORY_SSH, &[&unsigned], "two");
    let signed = objects::signed(&world, keys::ALICE_SSH, &[], "three");
    let tag = objects::signed_tag(&world, keys::ALICE_SSH, &signed, "commit", "v1");
    let main = |id: &str| format!("+{id}:refs/heads/main");
    told(&[&main(&signed)], &[]);
    told(&[&format!("{signed}:refs/heads/mine")], &[]);
    told(&[&format!("{tag}:refs/tags/v1")], &[]);
    told(&[&main(&stranger)], &["not signed", "a key nobody has registered", "this is a force-push"]);
    told(&[&format!("+{unsigned}:refs/heads/mine")], &["not signed"]);
    told(&[":refs/heads/mine"], &[]);
    told(&[&format!("{signed}:refs/tags/light")], &["lightweight tag"]);
    told(&[&format!("+{signed}:refs/tags/v1")], &["the tag exists already", "lightweight tag"]);
    told(&[":refs/tags/v1"], &["nobody may delete it"]);
    told(&[":refs/heads/main"], &["nobody may delete it"]);
    told(&[&format!("{unsigned}:refs/notes/commits")], &[]);
}

#[test]
fn signed_main_wants_every_commit_on_protected_branches_signed() {
    let world = world_under("signed-main.toml");
    let unsigned = objects::unsigned(&world, &[], "one");
    let signed = objects::signed(&world, keys::ALICE_SSH, &[], "two");
    let merged = objects::signed(&world, keys::DAVE_OPENPGP, &[&signed, &unsigned], "merge");
    for name in ["main", "release/1.0"] {
        world.refuses(&[&format!("{unsigned}:refs/heads/{name}")], &["unsigned"]);
        world.accepts(&[&format!("{signed}:refs/heads/{name}")]);
        world.refuses(&[&format!("{merged}:refs/heads/{name}")], &["unsigned"]);
        world.refuses(&[&format!(":refs/heads/{name}")], &["delete"]);
    }
    let other = objects::signed(&world, keys::BOB_SSH, &[], "other");
    world.refuses(&[&format!("+{other}:refs/heads/main")], &["force-push"]);
    world.accepts(&[&format!("{unsigned}:refs/heads/dev")]);
    world.git_in(&world.server(), &["symbolic-ref", "HEAD", "refs/heads/trunk"]);
    world.refuses(&[&format!("{unsigned}:refs/heads/trunk")], &["unsigned"]);
    world.accepts(&[&format!("{signed}:refs/heads/trunk")]);
}

#[test]
fn release_tags_are_signed_by_those_who_release_and_are_final() {
    let world = world_under("release-tags.toml");
    let commit = objects::unsigned(&world, &[], "one");
    let off_main = objects::unsigned(&world, &[], "off");
    world.accepts(&[&format!("{commit}:refs/heads/main")]);
    let tag = |key: &str, target: &str, name: &str| objects::signed_tag(&world, key, target, "commit", name);
    let push = |id: &str, name: &str| format!("+{id}:refs/tags/{name}");
    let good = tag(keys::ALICE_SSH, &commit, "v1.0");
    world.refuses(&[&push(&commit, "v1.0")], &["not-annotated"]);
    world.refuses(&[&push(&objects::unsigned_tag(&world, &commit, "commit", "v1.0"), "v1.0")], &["unsigned"]);
    world.refuses(&[&push(&tag(keys::BOB_SSH, &commit, "v1.0"), "v1.0")], &["not-allowed"]);
    world.refuses(&[&push(&tag(keys::MALLORY_SSH, &commit, "v1.0"), "v1.0")], &["unknown-key"]);
    world.refuses(&[&push(&tag(keys::ALICE_SSH, &off_main, "v1.0"), "v1.0")], &["tag-not-on"]);
    world.accepts(&[&push(&good, "v1.0")]);
    world.refuses(&[&push(&good, "v2.0")], &["tag-name"]);
    let again = tag(keys::ALICE_SSH, &off_main, "v1.0");
    world.accepts(&[&format!("{off_main}:refs/heads/release/1")]);
    world.refuses(&[&push(&again, "v1.0")], &["tag-moved"]);
    world.refuses(&[":refs/tags/v1.0"], &["delete"]);
    world.accepts(&[&push(&commit, "nightly")]);
    world.accepts(&[&push(&tag(keys::ALICE_SSH, &off_main, "v1.1"), "v1.1")]);
}
