//! Git over SSH: sshd and git-shell.

use crate::{
    capabilities::{self, Row},
    manual,
    server::{Remote, Server},
    site::Site,
    ssh,
    support::{
        keys::{self, ALICE_SSH, BOB_SSH},
        run,
    },
};
use std::{fs, sync::OnceLock};

pub fn row() -> &'static Row {
    static ROW: OnceLock<Row> = OnceLock::new();
    ROW.get_or_init(|| capabilities::measure(&serve()))
}

fn serve() -> Server {
    let site = Site::new();
    let repository = site.bare("project.git");
    site.another();
    let authorized = [ALICE_SSH, BOB_SSH].map(|name| keys::public_ssh(name) + "\n").concat();
    let list = site.path("authorized_keys");
    fs::write(&list, authorized).unwrap();
    let user = ssh::user();
    let page = manual::block("sshd_config", &[("Match User git", &format!("Match User {user}"))]);
    let settings = format!("AuthorizedKeysFile {}\n{page}", list.display());
    let (port, sshd) = ssh::start(&site.world, &site.path("home"), &settings);
    let address = format!("ssh://{user}@127.0.0.1{}", repository.display());
    let remotes = [ALICE_SSH, BOB_SSH].map(|key| Remote {
        address: address.clone(),
        environment: vec![("GIT_SSH_COMMAND", ssh::client(&site.world, port, &ssh::login(key)))],
    });
    Server {
        _processes: vec![sshd],
        name: "sshd and git-shell",
        home: site.path("home"),
        install: Server::options("plain", &site),
        believed: Some("plain"),
        remotes,
        files: vec![site.root()],
        other_hook: repository.join("hooks/pre-receive"),
        update_hook: repository.join("hooks/update"),
        prepare_other: |_| (),
        prepare_update: |_| (),
        prefix: "",
        cannot: &[],
        repository,
        site,
    }
}

#[test]
fn git_over_ssh() {
    row();
}

/// Nothing but git, as the manual has it configured.
#[test]
fn whoever_logs_in_runs_git_alone() {
    let server = serve();
    let (_, client) = &server.remotes[0].environment[0];
    let mut command = server.site.world.command("sh", &server.site.path("run"));
    command.args(["-c", &format!("{client} {}@127.0.0.1 id", ssh::user())]);
    let output = run(command, b"");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("fatal: unrecognized command 'id'"), "{told}");
}
