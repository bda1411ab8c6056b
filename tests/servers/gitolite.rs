//! Gitolite, set up by itself below a home of its own, behind a real sshd.

use crate::{
    capabilities::{self, Row},
    manual, process,
    server::{Person, Remote, Server},
    site::Site,
    ssh,
    support::{
        keys::{self, ALICE_SSH, BOB_SSH},
        phrase_of, run, run_well, set_mode,
    },
};
use std::{fs, path::PathBuf, process::Command, sync::OnceLock};

const PAGE: &str = "guide/servers/gitolite.md";

pub fn row() -> &'static Row {
    static ROW: OnceLock<Row> = OnceLock::new();
    ROW.get_or_init(|| capabilities::measure(&serve()))
}

/// Alice is its administrator.
fn serve() -> Server {
    let site = Site::new();
    let home = home(&site);
    gitolite(&site, &["setup", "-pk", "alice.pub"]);
    let settings = home.join(".gitolite.rc");
    let commented = "# LOCAL_CODE                =>  \"$ENV{HOME}/local\",";
    let text = fs::read_to_string(&settings).unwrap();
    assert!(text.contains(commented), "{text}");
    fs::write(&settings, text.replace(commented, &manual::line(PAGE, "LOCAL_CODE =>"))).unwrap();
    let user = ssh::user();
    let list = format!("AuthorizedKeysFile {}\n", home.join(".ssh/authorized_keys").display());
    let (port, sshd) = ssh::start(&site.world, &home, &list);
    let remotes = [ALICE_SSH, BOB_SSH].map(|key| Remote {
        address: format!("ssh://{user}@127.0.0.1/project"),
        environment: vec![("GIT_SSH_COMMAND", ssh::client(&site.world, port, &ssh::login(key)))],
    });
    let admin = site.path("admin");
    let mut clone = site.world.command("git", &site.path("run"));
    clone.env("GIT_SSH_COMMAND", &remotes[0].environment[0].1).args(["clone", "-q"]);
    clone.arg(format!("ssh://{user}@127.0.0.1/gitolite-admin")).arg(&admin);
    run_well(clone, b"");
    site.world.git_in(&admin, &["config", "core.sshCommand", &remotes[0].environment[0].1]);
    site.world.git_in(&admin, &["config", "user.name", "Alice Example"]);
    site.world.git_in(&admin, &["config", "user.email", "alice@example.com"]);
    fs::write(admin.join("keydir/bob.pub"), keys::public_ssh(BOB_SSH) + "\n").unwrap();
    administer(&site, "\nrepo project\n    RW+ = alice bob\n");
    let repository = home.join("repositories/project.git");
    let local = home.join("local");
    Server {
        _processes: vec![sshd],
        name: "Gitolite",
        home: home.clone(),
        install: Server::options("gitolite", &site),
        believed: Some("gitolite"),
        remotes,
        files: vec![home.join("repositories"), local.clone()],
        other_hook: local.join("hooks/common/pre-receive"),
        update_hook: local.join("VREF/countersign"),
        prepare_other: |site| drop(gitolite(site, &["setup", "--hooks-only"])),
        prepare_update: name_virtual_ref,
        prefix: "",
        cannot: &[],
        repository,
        site,
    }
}

fn home(site: &Site) -> PathBuf {
    site.path("srv")
}

/// Gitolite's own command, as its account.
fn gitolite(site: &Site, arguments: &[&str]) -> String {
    let home = home(site);
    let key = home.join("alice.pub");
    if !key.exists() {
        fs::write(&key, keys::public_ssh(ALICE_SSH) + "\n").unwrap();
        set_mode(&key, 0o644);
    }
    let mut command = site.world.command(process::program("gitolite", "gitolite3"), &home);
    command.env("HOME", &home).env("USER", ssh::user()).args(arguments);
    run_well(command, b"")
}

/// As an administrator does: adds to the configuration, and pushes it.
fn administer(site: &Site, lines: &str) {
    run_well(administering(site, lines), b"");
}

/// The push of what was added to the configuration.
fn administering(site: &Site, lines: &str) -> Command {
    let admin = site.path("admin");
    let config = admin.join("conf/gitolite.conf");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text + lines).unwrap();
    site.world.git_in(&admin, &["add", "."]);
    site.world.git_in(&admin, &["commit", "-q", "-m", "More"]);
    let mut command = site.world.command("git", &admin);
    command.args(["push", "-q", "origin", "HEAD"]);
    command
}

fn name_virtual_ref(site: &Site) {
    administer(site, &format!("\nrepo project\n    {}", manual::line(PAGE, "-   VREF/countersign")));
}

#[test]
fn git_behind_gitolite() {
    row();
}

/// A rule for all repositories is one for Gitolite's own, too: what its administrator pushes has to be signed, unless the rule
/// leaves it out. A repository that they add has the hook at once.
#[test]
fn a_rule_can_leave_out_the_administrators_repository() {
    let server = serve();
    server.install();
    let policy = |more: &str| {
        server.site.policy(&format!(
            "version = 1\nunmatched-refs = \"accept\"\nserver = \"gitolite\"\n[[rule]]\nname = \"all\"\n\
             refs = [\"refs/heads/**\"]\nsignatures = {{ commits = \"all\" }}\n{more}"
        ));
    };
    policy("");
    let refused = run(administering(&server.site, "\nrepo another\n    RW+ = alice\n"), b"");
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && told.contains(phrase_of("unsigned")), "{told}");
    policy("except-repositories = [\"gitolite-admin\"]\n");
    administer(&server.site, "\nrepo one-more\n    RW+ = alice\n");
    for name in ["another", "one-more"] {
        let hook = home(&server.site).join(format!("repositories/{name}.git/hooks/pre-receive"));
        assert_eq!(fs::read_link(hook).unwrap(), home(&server.site).join("local/hooks/common/pre-receive"));
    }
    let commit = server.unsigned("refs/heads/main", "Add a plan");
    server.refuses(&[], &[&format!("{commit}:refs/heads/main")], phrase_of("unsigned"));
}

/// Where another's hook has the place. Gitolite refuses all for as long as its configuration names what is not there.
#[test]
fn as_a_virtual_ref() {
    let mut server = serve();
    server.install.push("--vref".to_owned());
    server.install();
    capabilities::write_policy(&server);
    name_virtual_ref(&server.site);
    let to_main = |commit: &str| format!("{commit}:refs/heads/main");
    let unsigned = to_main(&server.unsigned("refs/heads/main", "Add a plan"));
    server.refuses(&[], &[&unsigned], phrase_of("unsigned"));
    server.accepts(Person::Alice, &[], &[&to_main(&server.signed("refs/heads/main", "Add a plan"))]);
    assert_eq!(server.site.last_decision()["pusher"]["id"], "alice");
    server.uninstall();
    assert!(!home(&server.site).join("local/VREF").exists());
    let signed = to_main(&server.signed("refs/heads/main", "Add more"));
    server.refuses(&[], &[&signed], "helper program missing or unexecutable");
}

/// Gitolite's feature `repo-specific-hooks` takes the place of the common hook, and git runs ours no more.
#[test]
fn a_hook_of_one_repository_is_named_by_the_installation() {
    let server = serve();
    server.install();
    capabilities::write_policy(&server);
    let to_main = |commit: &str| format!("{commit}:refs/heads/main");
    let begun = server.push(Person::Alice, &[], &[&to_main(&server.signed("refs/heads/main", "Begin"))]);
    assert!(begun.succeeded, "{}", begun.output);
    let home = home(&server.site);
    let settings = home.join(".gitolite.rc");
    let text = fs::read_to_string(&settings).unwrap();
    let commented = "# 'repo-specific-hooks',";
    assert!(text.contains(commented), "{text}");
    fs::write(&settings, text.replace(commented, "'repo-specific-hooks',")).unwrap();
    server.write_noting_hook(&home.join("local/hooks/repo-specific/other"), "pre-receive");
    administer(&server.site, "\nrepo project\n    option hook.pre-receive = other\n");
    let unsigned = to_main(&server.unsigned("refs/heads/main", "Add a plan"));
    let pushed = server.push(Person::Alice, &[], &[&unsigned]);
    assert!(pushed.succeeded, "{}", pushed.output);
    let (succeeded, told) = server.try_install(&[]);
    let named = format!("{}: REFUSED: hooks/pre-receive leads to ", server.repository.display());
    assert!(!succeeded && told.contains(&named) && told.contains("option hook.pre-receive"), "{told}");
    let mut doctor = server.site.command(server.site.program(), &server.site.path("run"));
    doctor.args(["doctor", "--config"]).arg(server.site.path("etc"));
    let output = run(doctor, b"");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.code() == Some(2) && told.contains("critical hook-repointed: "), "{told}");
    // The push that git ran no hook of ours for.
    assert!(told.contains("critical ref-moved: refs/heads/main"), "{told}");
}
