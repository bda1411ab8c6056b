//! `policy diff`: that nothing which becomes weaker goes unmarked, for many policies and pushes.

use crate::support::{
    World, keys,
    objects::{self, Commit},
};
use countersign::{
    git::{Quarantine, Repository},
    policy::{
        Verdict,
        diff::{Direction, differences},
    },
    push::{Change, Evidence, ObjectId, Push, RefName, RefUpdate, Timestamp},
    run::{self, Case, Loaded, Setup},
    trusted::TrustedFiles,
};

/// Policies that differ from each other in one key, or in many.
fn generated() -> Vec<String> {
    let mut policies = Vec::new();
    let signatures = [
        "",
        "signatures = { commits = 'all' }",
        "signatures = { commits = 'tip' }",
        "signatures = { commits = 'first-parent' }",
        "signatures = { commits = 'all', unsigned = 'accept' }",
        "signatures = { commits = 'all', by = ['alice@example.com'] }",
        "signatures = { commits = 'all', by = ['@two'] }",
        "signatures = { commits = 'tip', formats = ['openpgp'] }",
    ];
    let others = [
        "",
        "mode = 'warn'",
        "mode = 'off'",
        "warn-until = 2090-01-01",
        "warn-until = 2000-01-01",
        "updates = { create = false }",
        "updates = { force-push = true, delete = true }",
        "updates = { update = false }",
        "tags = { annotated = true }",
        "tags = { signed = true }",
        "tags = { by = ['bob@example.com'], name-matches-ref = false }",
        "tags = { on = ['refs/heads/main'] }",
        "except-refs = ['refs/heads/dev']",
        "updates = { delete = ['*'] }",
        "pusher = { by = ['*'] }",
        "identity = { committer = 'registered', author = 'signer' }",
        "identity = { committer = 'signer' }",
        "history = { merges = 'forbid' }",
        "history = { merges = 'require', max-commits = 1 }",
        "messages = { forbid = ['^by'] }",
        "messages = { require = ['e'], skip-merges = true }",
        "paths = [{ match = ['**'], forbid = true }]",
        "paths = [{ match = ['a'], by = ['*'] }]",
    ];
    let refs = ["'refs/heads/main'", "'refs/**'", "'refs/tags/**', 'refs/heads/dev'", "'refs/replace/**', 'HEAD'"];
    let groups = "[groups]\ntwo = ['alice@example.com', 'dave@example.com']\n";
    for (at, signatures) in signatures.iter().enumerate() {
        for (place, other) in others.iter().enumerate().filter(|(place, _)| (at + place) % 2 == 0) {
            let unmatched = if (at + place) % 4 == 0 { "refuse" } else { "accept" };
            let refs = refs[(at + place / 2) % refs.len()];
            let head = format!("version = 1\nunmatched-refs = '{unmatched}'\n{groups}");
            let rule = format!("[[rule]]\nname = 'x'\nrefs = [{refs}]\n{signatures}\n{other}\n");
            policies.push(match (at + place) % 7 {
                0 => format!("{head}{rule}[[rule]]\nname = 'y'\nrefs = ['refs/tags/*']\n"),
                _ => head + &rule,
            });
        }
    }
    policies
}

fn tree_with(world: &World, name: &str, blob: &str) -> String {
    let raw = (0..blob.len()).step_by(2).map(|at| u8::from_str_radix(&blob[at..at + 2], 16).unwrap());
    let entry = [b"100644 ", name.as_bytes(), b"\0", &raw.collect::<Vec<_>>()].concat();
    objects::write(world, "tree", &entry)
}

/// Pushes of all sorts: signed or not, by several people, with side branches, new, rewound and deleted refs, tags.
fn pushes(world: &World) -> Vec<Push> {
    let root = objects::by_alice(world, &[], "root");
    let tree = tree_with(world, "a", &objects::write(world, "blob", b"a"));
    let unsigned = Commit { tree, ..Commit::new(world, &[&root], "unsigned") }.unsigned(world);
    let on_top = objects::by_alice(world, &[&unsigned], "on top of it");
    let dave = objects::signed(world, keys::DAVE_OPENPGP, &[&root], "by Dave");
    let mallory = objects::signed(world, keys::MALLORY_SSH, &[&root], "by a stranger");
    let merge = Commit::new(world, &[&dave, &unsigned], "merge").signed(world, keys::ALICE_SSH);
    let tag = objects::signed_tag(world, keys::BOB_SSH, &root, "commit", "v1");
    let unsigned_tag = objects::unsigned_tag(world, &root, "commit", "v1");
    world.git(&["update-ref", "refs/heads/main", &root]);
    let null = world.null();
    let main = "refs/heads/main";
    let updates = [
        (main, &root, &dave),
        (main, &root, &unsigned),
        (main, &root, &on_top),
        (main, &root, &mallory),
        (main, &root, &merge),
        (main, &dave, &merge),
        (main, &unsigned, &on_top),
        (main, &dave, &root),
        (main, &null, &dave),
        (main, &dave, &null),
        ("refs/heads/dev", &null, &unsigned),
        ("refs/heads/dev", &root, &dave),
        ("refs/tags/v1", &null, &root),
        ("refs/tags/v1", &null, &tag),
        ("refs/tags/v1", &null, &unsigned_tag),
        ("refs/tags/v2", &null, &tag),
        ("refs/tags/v1", &root, &tag),
        ("refs/tags/v1", &null, &dave),
        ("refs/tags/v1", &tag, &null),
        ("refs/replace/1", &null, &root),
        ("refs/notes/x", &null, &unsigned),
    ];
    let id = |text: &str| ObjectId::from_hex(text.as_bytes()).unwrap();
    let push = |(name, old, new): &(&str, &String, &String)| {
        let change = match (**old == null, **new == null) {
            (true, _) => Change::Create { new: id(new) },
            (_, true) => Change::Delete { old: id(old) },
            (false, false) => Change::Move { old: id(old), new: id(new) },
        };
        Push { updates: vec![RefUpdate { name: RefName::new(name.as_bytes()).unwrap(), change }] }
    };
    updates.iter().map(push).collect()
}

#[test]
fn nothing_that_becomes_weaker_is_called_stricter_or_left_out() {
    let world = World::new();
    let pushes = pushes(&world);
    let repository = Repository::open(&world.clone_path().join(".git"), &Quarantine::default()).unwrap();
    let trusted = TrustedFiles::new(&[]).unwrap();
    let setup = Setup { trusted: &trusted, zone: jiff::tz::TimeZone::UTC, keeps_index: false };
    let now = Timestamp(1_800_000_000);
    let judged: Vec<(String, Loaded, Vec<bool>)> = generated()
        .into_iter()
        .map(|source| {
            let loaded = setup.in_place(source.clone().into_bytes(), &world.policy_path()).unwrap();
            let policies = [loaded];
            let evidence = Evidence::default();
            let accepted = |push| {
                let (repository, policies, place) = (&repository, &policies, repository.git_dir());
                let case = Case {
                    push,
                    evidence: &evidence,
                    repository,
                    policies,
                    place,
                    memory: None,
                    now,
                    is_pending: false,
                };
                matches!(run::judge(&case).unwrap().0, Verdict::Accepted(_))
            };
            let accepted = pushes.iter().map(accepted).collect();
            let [loaded] = policies;
            (source, loaded, accepted)
        })
        .collect();
    let (mut weaker, mut only_stricter) = (0, 0);
    for (old_source, old, old_accepts) in &judged {
        for (new_source, new, new_accepts) in &judged {
            let found = differences(&old.policy, &new.policy);
            let marked = found.iter().any(|found| matches!(found.direction, Direction::Weaker | Direction::Changed));
            let is_weaker = old_accepts.iter().zip(new_accepts).any(|(old, new)| !old && *new);
            assert!(marked || !is_weaker, "{old_source}\n--- takes the place of\n{new_source}\n{found:#?}");
            if found.iter().all(|found| found.direction == Direction::Neutral) {
                assert_eq!(old_accepts, new_accepts, "{old_source}\n---\n{new_source}");
            }
            weaker += usize::from(is_weaker);
            only_stricter += usize::from(!marked && old_accepts != new_accepts);
        }
    }
    // That it says `stricter` at all.
    assert!(weaker > 1000 && only_stricter > 30, "{weaker} {only_stricter}");
}
