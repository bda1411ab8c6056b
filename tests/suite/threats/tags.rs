//! Tags that are not what their ref says.

use crate::support::{
    World,
    keys::{self, *},
    objects::{self, header, tag_payload},
};

/// Tags must be signed, and there is a commit to tag.
fn world() -> (World, String) {
    let world = World::new();
    world.policy_for_tags("tags = { signed = true }");
    let commit = objects::unsigned(&world, &[], "release");
    (world, commit)
}

fn to(id: &str, name: &str) -> String {
    format!("{id}:refs/tags/{name}")
}

#[test]
fn a_signed_release_replayed_under_another_name() {
    let (world, commit) = world();
    let tag = objects::signed_tag(&world, ALICE_SSH, &commit, "commit", "v1.0");
    world.accepts(&[&to(&tag, "v1.0")]);
    let told = world.refuses(&[&to(&tag, "v2.0")], &["tag-name"]).told();
    assert!(told.contains("`v1.0`") && told.contains("`v2.0`"), "{told}");
    for name in ["v1.0/x", "x/v1.0", "V1.0"] {
        world.refuses(&[&to(&tag, name)], &["tag-name"]);
    }
}

#[test]
fn the_name_of_a_tag_may_have_slashes_and_is_compared_whole() {
    let (world, commit) = world();
    let tag = objects::signed_tag(&world, ALICE_SSH, &commit, "commit", "release/v1.0");
    world.refuses(&[&to(&tag, "v1.0")], &["tag-name"]);
    world.accepts(&[&to(&tag, "release/v1.0")]);
}

#[test]
fn a_tag_name_that_only_looks_the_same() {
    let (world, commit) = world();
    let composed = objects::signed_tag(&world, ALICE_SSH, &commit, "commit", "caf\u{e9}");
    world.refuses(&[&to(&composed, "cafe\u{301}")], &["tag-name"]);
    world.accepts(&[&to(&composed, "caf\u{e9}")]);
}

#[test]
fn a_lightweight_tag() {
    let (world, commit) = world();
    world.refuses(&[&to(&commit, "v1")], &["not-annotated"]);
    world.accepts(&[&to(&objects::signed_tag(&world, DAVE_OPENPGP, &commit, "commit", "v1"), "v1")]);
}

#[test]
fn an_unsigned_tag_of_a_signed_commit() {
    let (world, _) = world();
    let commit = objects::signed(&world, ALICE_SSH, &[], "signed");
    world.refuses(&[&to(&objects::unsigned_tag(&world, &commit, "commit", "v1"), "v1")], &["unsigned"]);
    world.accepts(&[&to(&objects::signed_tag(&world, ALICE_SSH, &commit, "commit", "v1"), "v1")]);
}

#[test]
fn a_tag_by_a_stranger() {
    let (world, commit) = world();
    for key in [MALLORY_SSH, MALLORY_OPENPGP] {
        world.refuses(&[&to(&objects::signed_tag(&world, key, &commit, "commit", "v1"), "v1")], &["unknown-key"]);
    }
    world.accepts(&[&to(&objects::signed_tag(&world, BOB_SSH, &commit, "commit", "v1"), "v1")]);
}

#[test]
fn a_signed_tag_around_an_unsigned_one() {
    let (world, commit) = world();
    let inner = objects::unsigned_tag(&world, &commit, "commit", "inner");
    world.refuses(&[&to(&objects::signed_tag(&world, ALICE_SSH, &inner, "tag", "v1"), "v1")], &["unsigned"]);
    let inner = objects::signed_tag(&world, BOB_SSH, &commit, "commit", "inner");
    world.accepts(&[&to(&objects::signed_tag(&world, ALICE_SSH, &inner, "tag", "v1"), "v1")]);
}

#[test]
fn a_nest_of_tags_deeper_than_is_followed() {
    let (world, commit) = world();
    let payload = |target: &str, kind: &str| tag_payload(target, kind, "v1");
    let mut tag = objects::write(&world, "tag", payload(&commit, "commit").as_bytes());
    for _ in 0..100 {
        tag = objects::write(&world, "tag", payload(&tag, "tag").as_bytes());
    }
    let pushed = world.refuses_in_words(&[&to(&tag, "v1")], &["too-deep"]);
    assert!(pushed.output.len() < 8192, "{}", pushed.output);
    let inner = objects::signed_tag(&world, ALICE_SSH, &commit, "commit", "v1");
    world.accepts(&[&to(&objects::signed_tag(&world, ALICE_SSH, &inner, "tag", "v1"), "v1")]);
}

#[test]
fn a_tag_that_lies_about_what_it_points_at() {
    let (world, commit) = world();
    let blob = objects::write(&world, "blob", b"text");
    let lying = objects::signed_tag(&world, ALICE_SSH, &blob, "commit", "v1");
    world.refuses_unsent(&lying, "refs/tags/v1", &["declared-type"]);
    let lying = objects::signed_tag(&world, ALICE_SSH, &commit, "tree", "v1");
    world.refuses_unsent(&lying, "refs/tags/v1", &["declared-type"]);
    world.accepts(&[&to(&objects::signed_tag(&world, ALICE_SSH, &blob, "blob", "v1"), "v1")]);
}

#[test]
fn text_after_the_signature() {
    let (world, commit) = world();
    let payload = tag_payload(&commit, "commit", "v1");
    let signature = keys::sign(ALICE_SSH, payload.as_bytes());
    let followed = objects::write(&world, "tag", format!("{payload}{signature}Signed-off-by: everybody\n").as_bytes());
    world.refuses(&[&to(&followed, "v1")], &["malformed-object"]);
    world.accepts(&[&to(&objects::write(&world, "tag", format!("{payload}{signature}").as_bytes()), "v1")]);
}

#[test]
fn two_signatures_after_one_another() {
    let (world, commit) = world();
    let payload = tag_payload(&commit, "commit", "v1");
    let ours = keys::sign(ALICE_SSH, payload.as_bytes());
    for second in [keys::sign(MALLORY_SSH, payload.as_bytes()), ours.clone()] {
        let both = objects::write(&world, "tag", format!("{payload}{ours}{second}").as_bytes());
        world.refuses(&[&to(&both, "v1")], &["ambiguous"]);
    }
    world.accepts(&[&to(&objects::write(&world, "tag", format!("{payload}{ours}").as_bytes()), "v1")]);
}

#[test]
fn a_signature_in_the_headers_is_none() {
    let (world, commit) = world();
    let payload = tag_payload(&commit, "commit", "v1");
    let signature = keys::sign(ALICE_SSH, payload.as_bytes());
    let inside = payload.replacen("\n\n", &format!("\n{}\n", header("gpgsig", &signature)), 1);
    let id = objects::write(&world, "tag", inside.as_bytes());
    world.refuses(&[&to(&id, "v1")], &["unsigned"]);
    // Bare, as it would stand in the message, git would take it and all that follows for the signature.
    let bare = payload.replacen("\n\n", &format!("\n{signature}\n"), 1);
    let id = objects::write(&world, "tag", bare.as_bytes());
    world.refuses_unsent(&id, "refs/tags/v1", &["malformed-object"]);
    world.accepts(&[&to(&objects::write(&world, "tag", format!("{payload}{signature}").as_bytes()), "v1")]);
}

#[test]
fn headers_of_a_tag_that_are_there_twice() {
    let (world, commit) = world();
    let payload = tag_payload(&commit, "commit", "v1");
    let other = objects::unsigned(&world, &[], "other");
    for doubled in [
        payload.replacen("tag v1\n", "tag v1\ntag v2\n", 1),
        payload.replacen("type commit\n", &format!("type commit\nobject {other}\n"), 1),
        payload.replacen("type commit\n", "type commit\ntype tag\n", 1),
        payload.replacen("\n\n", &format!("\ntagger {} 1700000000 +0000\n\n", objects::ALICE), 1),
        payload.replacen("tag v1\n", "tag v1\0\n", 1),
        payload.replacen("type commit\n", "type commit\r\n", 1),
    ] {
        assert_ne!(doubled, payload);
        let signature = keys::sign(ALICE_SSH, doubled.as_bytes());
        let id = objects::write(&world, "tag", (doubled + &signature).as_bytes());
        world.refuses_unsent(&id, "refs/tags/v1", &["malformed-object"]);
    }
    let signature = keys::sign(ALICE_SSH, payload.as_bytes());
    world.accepts(&[&to(&objects::write(&world, "tag", (payload + &signature).as_bytes()), "v1")]);
}

#[test]
fn a_tag_of_a_commit_that_is_not_on_main() {
    let world = World::new();
    world.policy_for_tags("tags = { signed = true, on = [\"refs/heads/main\"] }");
    let on = objects::signed(&world, ALICE_SSH, &[], "on main");
    let off = objects::signed(&world, ALICE_SSH, &[&on], "off main");
    world.accepts(&[&format!("{on}:refs/heads/main"), &format!("{off}:refs/heads/dev")]);
    let tag = |id: &str| objects::signed_tag(&world, ALICE_SSH, id, "commit", "v1");
    world.refuses(&[&to(&tag(&off), "v1")], &["tag-not-on"]);
    world.accepts(&[&to(&tag(&on), "v1")]);
    world.git_in(&world.server(), &["update-ref", "-d", "refs/tags/v1"]);
    // What the same push brings to `main` counts.
    world.accepts(&[&to(&tag(&off), "v1"), &format!("{off}:refs/heads/main")]);
}

#[test]
fn a_tag_on_what_main_would_be_if_its_old_value_were_another() {
    let world = World::new();
    world.policy_for_tags("tags = { signed = true, on = [\"refs/heads/main\"] }");
    let off = objects::signed(&world, ALICE_SSH, &[], "off main");
    let child = objects::signed(&world, ALICE_SSH, &[&off], "child");
    let tag = objects::signed_tag(&world, ALICE_SSH, &off, "commit", "v1");
    // Git refuses the update of `main` after the hook, and takes the tag.
    world.refuses_unsent(&tag, &format!("refs/tags/v1\n{off} {child} refs/heads/main"), &["tag-not-on"]);
}

#[test]
fn one_of_many_tags_is_not_on_main() {
    let world = World::new();
    world.policy_for_tags("tags = { signed = true, on = [\"refs/heads/main\"] }");
    let on = objects::signed(&world, ALICE_SSH, &[], "on main");
    let off = objects::signed(&world, ALICE_SSH, &[&on], "off main");
    world.accepts(&[&format!("{on}:refs/heads/main"), &format!("{off}:refs/heads/dev")]);
    let tag = |id: &str, name: &str| to(&objects::signed_tag(&world, ALICE_SSH, id, "commit", name), name);
    let mut tags: Vec<_> = (0..7).map(|number| tag(&on, &format!("v{number}"))).collect();
    tags.push(tag(&off, "w"));
    world.refuses(&tags.iter().map(String::as_str).collect::<Vec<_>>(), &["tag-not-on"]);
    tags.pop();
    world.accepts(&tags.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn a_tag_on_what_another_rule_asks_about() {
    let world = World::new();
    let on = |name: &str, branch: &str| {
        format!("[[rule]]\nname = \"{name}\"\nrefs = [\"refs/tags/**\"]\ntags = {{ on = [\"{branch}\"] }}\n")
    };
    let both = on("main", "refs/heads/main") + &on("any", "refs/heads/**");
    world.policy(&format!("version = 1\nunmatched-refs = \"accept\"\n{both}"));
    let main = objects::unsigned(&world, &[], "on main");
    let off = objects::unsigned(&world, &[&main], "off main");
    world.accepts(&[&format!("{main}:refs/heads/main"), &format!("{off}:refs/heads/dev")]);
    world.refuses(&[&to(&off, "v1")], &["tag-not-on"]);
    world.accepts(&[&to(&main, "v1")]);
}

#[test]
fn a_tag_on_a_branch_that_goes_by_another_name() {
    let world = World::new();
    world.policy_for_tags("tags = { on = [\"refs/heads/stable\"] }");
    let on = objects::unsigned(&world, &[], "on main");
    let off = objects::unsigned(&world, &[&on], "off main");
    world.accepts(&[&format!("{on}:refs/heads/main"), &format!("{off}:refs/heads/dev")]);
    world.git_in(&world.server(), &["symbolic-ref", "refs/heads/stable", "refs/heads/main"]);
    world.refuses(&[&to(&off, "v1")], &["tag-not-on"]);
    world.accepts(&[&to(&on, "v1")]);
}

#[test]
fn a_tag_written_through_a_symbolic_ref_that_is_none() {
    let world = World::new();
    world.policy_for_tags("tags = { signed = true }");
    let good = objects::signed(&world, ALICE_SSH, &[], "release");
    let next = objects::signed(&world, ALICE_SSH, &[&good], "next");
    let tag = |id: &str| objects::signed_tag(&world, ALICE_SSH, id, "commit", "v1");
    world.git_in(&world.server(), &["symbolic-ref", "refs/latest/release", "refs/tags/v1"]);
    let to = |id: &str| format!("+{id}:refs/latest/release");
    world.refuses(&[&to(&good)], &["not-annotated"]);
    world.refuses(&[&to(&objects::unsigned_tag(&world, &good, "commit", "v1"))], &["unsigned"]);
    world.accepts(&[&to(&tag(&good))]);
    assert_eq!(world.refs()["refs/tags/v1"], tag(&good));
    world.refuses(&[&to(&tag(&next))], &["tag-moved"]);
    // A symbolic tag makes no tag of the branch that it leads to.
    world.git_in(&world.server(), &["symbolic-ref", "refs/tags/current", "refs/heads/main"]);
    world.accepts(&[&format!("{good}:refs/heads/main")]);
}
