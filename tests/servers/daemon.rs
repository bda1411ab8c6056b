//! Git's own daemon, which asks nobody who they are.

use crate::{
    capabilities::{self, Row},
    manual, process,
    server::{Capability, Person, Remote, Server},
    site::Site,
    support::phrase_of,
};
use std::sync::OnceLock;

pub fn row() -> &'static Row {
    static ROW: OnceLock<Row> = OnceLock::new();
    ROW.get_or_init(|| capabilities::measure(&serve()))
}

fn serve() -> Server {
    let site = Site::new();
    let repository = site.bare("project.git");
    site.another();
    let page = manual::block("sh daemon", &[("/srv/git", &site.root().display().to_string())]);
    let (port, daemon) = process::listening(&site.path("daemon.log"), |port| {
        let mut words = page.split_whitespace();
        let mut command = site.world.command(words.next().unwrap(), &site.path("run"));
        command.arg(words.next().unwrap()).arg("--listen=127.0.0.1").arg(format!("--port={port}")).args(words);
        command
    });
    let remotes =
        [0, 1].map(|_| Remote { address: format!("git://127.0.0.1:{port}/project.git"), environment: Vec::new() });
    Server {
        _processes: vec![daemon],
        name: "git daemon",
        home: site.path("home"),
        install: Server::options("plain", &site),
        believed: None,
        remotes,
        files: vec![site.root()],
        other_hook: repository.join("hooks/pre-receive"),
        update_hook: repository.join("hooks/update"),
        prepare_other: |_| (),
        prepare_update: |_| (),
        prefix: "",
        cannot: &[(Capability::PusherKnown, "it asks nobody who they are; `git push --signed` says it")],
        repository,
        site,
    }
}

#[test]
fn git_daemon() {
    row();
}

/// Whoever reaches the daemon may push: a rule can ask for a signed push.
#[test]
fn a_signed_push_says_who_it_is_where_nobody_is_asked() {
    let server = serve();
    server.configure(&[("receive.certNonceSeed", "a secret")]);
    server.install();
    let rule = manual::block("toml daemon", &[]);
    server.site.policy(&format!("version = 1\nunmatched-refs = \"accept\"\n{rule}"));
    let commit = server.unsigned("refs/heads/main", "Add a plan");
    let to_main = format!("{commit}:refs/heads/main");
    server.refuses(&[], &[&to_main], phrase_of("no-push-certificate"));
    server.accepts(Person::Bob, &["--signed"], &[&to_main]);
    assert_eq!(server.site.last_decision()["pusher"]["id"], "bob");
}
