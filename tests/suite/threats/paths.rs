//! Protected paths: ways around who may change them.

use crate::support::{
    World,
    keys::{ALICE_SSH, BOB_SSH},
    objects::{self, Commit},
};
use std::fs;

/// `infra/**` is Alice's, and holds something in two states; Bob works from now on, and `old` is a branch from before the
/// second state.
fn protected() -> World {
    let world = World::new();
    world.policy_for_main("paths = [{ match = [\"infra/**\"], by = [\"alice@example.com\"] }]");
    change(&world, "infra/dns.tf", "old");
    world.git(&["branch", "old"]);
    change(&world, "infra/dns.tf", "new");
    world.accepts(&["main"]);
    world.work_as(BOB_SSH);
    world
}

fn change(world: &World, path: &str, content: &str) {
    let file = world.clone_path().join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, content).unwrap();
    world.git(&["add", "--all"]);
    world.git(&["commit", "-q", "-S", "-m", &format!("Make {path} {content}")]);
}

/// A merge of these with the tree of a commit, signed by whoever works; `main` is there then.
fn merge(world: &World, tree: &str, parents: &[&str]) {
    let tree = format!("{tree}^{{tree}}");
    let mut arguments = vec!["commit-tree", "-S", "-m", "Merge", tree.as_str()];
    parents.iter().for_each(|parent| arguments.extend(["-p", parent]));
    let id = world.git(&arguments);
    world.git(&["checkout", "-q", "main"]);
    world.git(&["reset", "-q", "--hard", &id]);
}

#[test]
fn a_merge_that_brings_back_the_old_content_of_a_protected_path() {
    let world = protected();
    let main = world.git(&["rev-parse", "main"]);
    world.git(&["checkout", "-q", "old"]);
    change(&world, "notes", "mine");
    for parents in [["main", "old"], ["old", "main"]] {
        world.git(&["checkout", "-q", "old"]);
        merge(&world, "old", &parents);
        let told = world.refuses(&["main"], &["path-not-allowed"]).told();
        assert!(told.contains("changes `infra/dns.tf`, which only `alice@example.com` may change"), "{told}");
        world.git(&["reset", "-q", "--hard", &main]);
    }
    world.git(&["merge", "-q", "--no-ff", "-S", "-m", "Merge", "old"]);
    world.accepts(&["main"]);
}

/// Alice took a change back. Held against ancestors that all three parents share, she would have changed nothing since, and
/// what she took back would be merged.
#[test]
fn an_octopus_with_an_ancient_parent_brings_back_what_was_taken_back() {
    let world = protected();
    world.work_as(ALICE_SSH);
    world.git(&["checkout", "-q", "-b", "side"]);
    world.git(&["checkout", "-q", "main"]);
    change(&world, "infra/dns.tf", "old");
    world.accepts(&["main"]);
    world.work_as(BOB_SSH);
    let main = world.git(&["rev-parse", "main"]);
    world.git(&["checkout", "-q", "side"]);
    change(&world, "notes", "mine");
    merge(&world, "side", &["main", "side", "old"]);
    world.refuses(&["main"], &["path-not-allowed"]);
    world.git(&["reset", "-q", "--hard", &main]);
    world.git(&["merge", "-q", "--no-ff", "-S", "-m", "Merge", "side"]);
    let merged = world.git(&["rev-parse", "HEAD"]);
    merge(&world, &merged, &[&main, "side", "old"]);
    world.accepts(&["main"]);
}

#[test]
fn a_link_or_a_submodule_in_the_place_of_a_protected_folder() {
    let world = protected();
    let mut main = world.git(&["rev-parse", "main"]);
    fs::write(world.path("target"), "notes").unwrap();
    let link = world.git(&["hash-object", "-w", world.path("target").to_str().unwrap()]);
    for entry in [format!("120000,{link},infra"), format!("160000,{main},infra"), format!("100644,{link},infra")] {
        world.git(&["rm", "-q", "-r", "--cached", "infra"]);
        world.git(&["update-index", "--add", "--cacheinfo", &entry]);
        world.git(&["commit", "-q", "-S", "-m", "Move the folder"]);
        let told = world.refuses(&["main"], &["path-not-allowed"]).told();
        assert!(told.contains("changes `infra` and `infra/dns.tf`"), "{told}");
        world.git(&["reset", "-q", "--hard", &main]);
        world.git(&["update-index", "--add", "--cacheinfo", &entry.replace("infra", &format!("other{}", &entry[..3]))]);
        world.git(&["commit", "-q", "-S", "-m", "Elsewhere"]);
        world.accepts(&["main"]);
        main = world.git(&["rev-parse", "main"]);
    }
}

#[test]
fn a_tree_that_holds_a_name_twice_hides_nothing() {
    let world = World::new();
    // A softer mode softens what a rule asks, not this.
    world.policy_for_main("mode = \"warn\"\npaths = [{ match = [\"infra/**\"], by = [\"alice@example.com\"] }]");
    let blob = |content: &str| {
        fs::write(world.path("blob"), content).unwrap();
        world.git(&["hash-object", "-w", world.path("blob").to_str().unwrap()])
    };
    let (one, other) = (blob("one"), blob("other"));
    let raw = |hex: &str| -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    };
    let entry = |id: &str| [b"100644 notes\0".to_vec(), raw(id)].concat();
    let commit_of = |entries: &[Vec<u8>]| {
        let mut commit = Commit::new(&world, &[], "Notes");
        commit.tree = objects::write(&world, "tree", &entries.concat());
        commit.signed(&world, BOB_SSH)
    };
    world.refuses_unsent(&commit_of(&[entry(&one), entry(&other)]), "refs/heads/main", &["malformed-object"]);
    world.accepts(&[&format!("{}:refs/heads/main", commit_of(&[entry(&one)]))]);
}
