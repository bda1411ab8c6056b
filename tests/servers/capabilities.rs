//! What a server can do with Countersign on it: each answer comes of pushes.

use crate::{
    manual,
    server::{Capability, Person, Server},
    support::{keys, objects, phrase_of},
};
use std::fs;

/// Whether it can, in the order of [`Capability::ALL`].
pub struct Row {
    pub name: &'static str,
    pub cells: Vec<Option<&'static str>>,
}

const RULES: &str = r#"
[[rule]]
name = "main"
refs = ["refs/heads/main"]
signatures = { commits = "all" }

[[rule]]
name = "topics"
refs = ["refs/heads/topic/**"]
signatures = { commits = "all" }
updates = { delete = true }

[[rule]]
name = "tags"
refs = ["refs/tags/**"]
tags = { signed = true }
"#;

/// Installs, pushes, uninstalls. What a server states that it cannot do must be so, and nothing else may fail.
pub fn measure(server: &Server) -> Row {
    server.configure(&[
        ("receive.advertisePushOptions", "true"),
        ("receive.certNonceSeed", "a secret"),
        ("receive.certNonceSlop", "60"),
    ]);
    server.write_noting_hook(&server.other_hook, "pre-receive");
    (server.prepare_other)(&server.site);
    let content = || server.files.iter().map(|folder| server.site.content(folder)).collect::<Vec<_>>();
    let before = content();
    server.install();
    write_policy(server);
    let mut found = vec![
        (Capability::RefusalShown, refusal_is_shown(server)),
        (Capability::PusherKnown, pusher_is_known(server)),
        (Capability::PushOptions, push_options_arrive(server)),
        (Capability::PushCertificates, certificates_count(server)),
        (Capability::Atomic, atomic(server)),
        (Capability::Tags, tags(server)),
        (Capability::Deletion, deletion(server)),
    ];
    server.uninstall();
    found.push((Capability::UninstallClean, content() == before));
    found.push((Capability::UpdateHook, update_hook(server)));
    let cell = |(capability, _): &(Capability, &str)| {
        let (_, can) = found.iter().find(|(named, _)| named == capability).unwrap();
        let stated = server.cannot.iter().find(|(named, _)| named == capability).map(|(_, why)| *why);
        assert_eq!(*can, stated.is_none(), "{}: {capability:?}", server.name);
        stated
    };
    Row { name: server.name, cells: Capability::ALL.iter().map(cell).collect() }
}

pub fn write_policy(server: &Server) {
    let believed = server.believed.map(|name| format!("server = \"{name}\"")).unwrap_or_default();
    server.site.policy(&format!("version = 1\nunmatched-refs = \"accept\"\n{believed}\n{RULES}"));
}

/// Every line of the hook's comes to the client as it is.
fn refusal_is_shown(server: &Server) -> bool {
    let commit = server.unsigned("refs/heads/main", "Add a plan");
    let pushed = server.push(Person::Alice, &[], &[&format!("{commit}:refs/heads/main")]);
    assert!(pushed.output.contains("(pre-receive hook declined)"), "{}", pushed.output);
    assert!(!pushed.succeeded && pushed.after.is_empty(), "{}", pushed.output);
    let record = format!("(record {})", server.site.last_decision()["number"]);
    let page = manual::block("text refusal", &[("44c15d6", &commit[..7]), ("(record …)", &record)]);
    let expected = page.replace("remote: ", &format!("remote: {}", server.prefix));
    let shown = pushed.output.lines().filter(|line| line.starts_with("remote:"));
    let shown: String = shown.map(|line| line.trim_end().to_owned() + "\n").collect();
    println!("expected:\n{expected}shown:\n{shown}");
    shown == expected
}

/// What the record of a push says of who it was.
fn known(server: &Server, person: Person, options: &[&str]) -> (Option<String>, String) {
    let commit = server.signed("refs/heads/main", "One more");
    server.accepts(person, options, &[&format!("{commit}:refs/heads/main")]);
    let record = server.site.last_decision();
    let text = |name: &str| record["pusher"][name].as_str().map(str::to_owned);
    (text("id"), text("known-by").unwrap_or_default())
}

fn pusher_is_known(server: &Server) -> bool {
    let [alice, bob] = [Person::Alice, Person::Bob].map(|person| known(server, person, &[]).0);
    assert_eq!(alice.is_some(), bob.is_some());
    alice.as_deref() == Some("alice") && bob.as_deref() == Some("bob")
}

fn push_options_arrive(server: &Server) -> bool {
    known(server, Person::Alice, &["--push-option=ci.skip", "--push-option=topic=a b"]);
    let seen = fs::read_to_string(server.note("pre-receive")).unwrap();
    let expected = ["GIT_PUSH_OPTION_COUNT=2", "GIT_PUSH_OPTION_0=ci.skip", "GIT_PUSH_OPTION_1=topic=a b"];
    expected.iter().all(|expected| seen.lines().any(|line| line == *expected))
}

fn certificates_count(server: &Server) -> bool {
    let (id, by) = known(server, Person::Alice, &["--signed"]);
    by == "certificate" && id.as_deref() == Some("alice")
}

fn atomic(server: &Server) -> bool {
    let (good, bad) = (server.signed("refs/heads/main", "Good"), server.unsigned("refs/heads/topic/one", "Bad"));
    let (main, other) = (format!("{good}:refs/heads/main"), format!("{bad}:refs/heads/topic/one"));
    let pushed = server.push(Person::Alice, &["--atomic"], &[&main, &other]);
    assert!(!pushed.succeeded && pushed.output.contains(phrase_of("unsigned")), "{}", pushed.output);
    let none = pushed.before == pushed.after;
    let both = server.push(Person::Alice, &["--atomic"], &[&main, &format!("{good}:refs/heads/topic/one")]);
    none && both.succeeded && both.after["refs/heads/main"] == good && both.after["refs/heads/topic/one"] == good
}

fn tags(server: &Server) -> bool {
    let world = &server.site.world;
    let commit = server.site.refs(&server.repository)["refs/heads/main"].clone();
    server.refuses(&[], &[&format!("{commit}:refs/tags/v1.0")], phrase_of("not-annotated"));
    let tag = objects::signed_tag(world, keys::ALICE_SSH, &commit, "commit", "v1.0");
    server.accepts(Person::Alice, &[], &[&format!("{tag}:refs/tags/v1.0")]).after["refs/tags/v1.0"] == tag
}

fn deletion(server: &Server) -> bool {
    server.refuses(&[], &[":refs/tags/v1.0"], phrase_of("delete"));
    let pushed = server.accepts(Person::Alice, &[], &[":refs/heads/topic/one"]);
    !pushed.after.contains_key("refs/heads/topic/one")
}

/// The hook `update` alone: each ref is judged for itself, and with `--atomic` none changes if one may not.
fn update_hook(server: &Server) -> bool {
    let hook = &server.update_hook;
    server.site.make_folder(hook.parent().unwrap());
    let script = format!(
        "#!/bin/sh\nexec '{}' hook update --policy '{}' \"$1\" \"$2\" \"$3\"\n",
        server.site.program().display(),
        server.site.policy_path().display()
    );
    server.site.write(hook, &script, 0o755);
    (server.prepare_update)(&server.site);
    let (good, bad) = (server.signed("refs/heads/main", "Good"), server.unsigned("refs/heads/topic/two", "Bad"));
    let (main, other) = (format!("{good}:refs/heads/main"), format!("{bad}:refs/heads/topic/two"));
    server.refuses(&["--atomic"], &[&main, &other], phrase_of("unsigned"));
    let pushed = server.push(Person::Alice, &[], &[&main, &other]);
    assert!(!pushed.succeeded && pushed.output.contains(phrase_of("unsigned")), "{}", pushed.output);
    let ran = pushed.after["refs/heads/main"] == good && !pushed.after.contains_key("refs/heads/topic/two");
    fs::remove_file(hook).unwrap();
    ran
}
