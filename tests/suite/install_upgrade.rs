//! What install.sh does beside the hooks: it locks nobody out, upgrades in place, adopts, and has somebody look later.

use crate::{
    install::{Site, content, told, write_program},
    support::objects,
};
use std::{fs, path::Path, process::Command};

fn doctor(site: &Site, options: &[&str]) -> (i32, String) {
    let mut command = site.world.command(site.world.path("usr/bin/countersign"), &site.world.path(""));
    command.arg("doctor").args(options).arg("--config").arg(site.world.path("etc"));
    told(command)
}

fn ledger(site: &Site, words: &[&str]) -> String {
    let mut command: Command = site.world.command(site.world.path("usr/bin/countersign"), &site.world.path(""));
    command.arg("ledger").args(words).arg("--policy").arg(site.policy());
    let (status, out) = told(command);
    assert_eq!(status, 0, "{out}");
    out
}

#[test]
fn a_team_with_unsigned_history_is_not_locked_out() {
    let site = Site::new();
    let repository = site.bare("project.git");
    let first = objects::unsigned(&site.world, &[], "history");
    assert!(site.push(&first, &repository, "refs/heads/main").0);
    let (status, out) = site.install(&["--warn-until", "2099-05-01"]);
    assert_eq!(status, 0, "{out}");
    assert!(out.contains("installed; it warns, and refuses from 2099-05-01 on"), "{out}");
    assert!(out.contains("project.git: adopted 1 ref, with 1 commits and tags: record 1\n"), "{out}");
    let second = objects::unsigned(&site.world, &[&first], "as ever");
    let (accepted, out) = site.push(&second, &repository, "refs/heads/main");
    assert!(accepted, "{out}");
    let warning = "warning: refs/heads/main: rule `signed commits` will refuse this from 2099-05-01";
    assert!(out.contains(warning) && out.contains("not signed"), "{out}");
    // Its history is nobody's business: only what came with the push is told of.
    let told: Vec<_> = out.lines().filter(|line| line.contains("is not signed")).collect();
    assert!(told.len() == 1 && told[0].contains(&second[..7]), "{out}");
}

#[test]
fn what_is_there_is_adopted_once_and_never_by_the_doctor() {
    let site = Site::new();
    let (old, empty) = (site.bare("old.git"), site.bare("empty.git"));
    let commit = objects::unsigned(&site.world, &[], "history");
    assert!(site.push(&commit, &old, "refs/heads/main").0);
    let (_, out) = site.install(&["--dry-run"]);
    assert!(!site.world.path("ledger").exists() && !out.contains("adopted"), "{out}");
    let out = site.installs();
    assert_eq!(out.matches("adopted").count(), 1, "{out}");
    // It comes with history, and while there was no hook.
    let late = site.bare("late.git");
    assert!(site.push(&commit, &late, "refs/heads/main").0);
    let (status, out) = doctor(&site, &["--repair"]);
    assert!(status == 0 && out.contains("late.git: installed") && !out.contains("adopted"), "{out}");
    assert_eq!(ledger(&site, &["list"]).matches("adopted").count(), 1);
    let (status, out) = site.install(&["--dry-run"]);
    assert!(status == 0 && out.contains("late.git: would adopt 1 ref, with 1 commits"), "{out}");
    assert!(site.installs().contains("late.git: adopted 1 ref"));
    let (accepted, out) = site.push(&commit, &empty, "refs/heads/main");
    assert!(accepted, "{out}");
    assert!(site.installs().contains("nothing to do"));
}

/// A program that says it is Countersign and cannot read any policy.
fn broken_program(site: &Site) -> String {
    let path = site.world.path("broken");
    let script = format!(
        "#!/bin/sh\ncase $1 in\n--version) echo countersign 9 ;;\ndoctor) exec '{}' \"$@\" ;;\n*) echo 'this version reads nothing' >&2; exit 3 ;;\nesac\n",
        env!("CARGO_BIN_EXE_countersign")
    );
    write_program(&path, &script);
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_new_program_that_cannot_decide_is_not_left_in_place() {
    let site = Site::new();
    let repository = site.bare("project.git");
    site.installs();
    let before = content(&site.world.path("usr"));
    let (status, out) = site.install(&["--binary", &broken_program(&site)]);
    assert_eq!(status, 1, "{out}");
    assert!(out.contains("this version reads nothing") && out.contains("the former one is back"), "{out}");
    assert_eq!(content(&site.world.path("usr")), before);
    let commit = objects::unsigned(&site.world, &[], "one");
    assert!(site.push(&commit, &repository, "refs/heads/main").0);
    // One that can, stays.
    let good = site.world.path("good");
    let script = fs::read_to_string(site.world.path("countersign")).unwrap() + "# newer\n";
    write_program(&good, &script);
    let (status, out) = site.install(&["--binary", good.to_str().unwrap()]);
    assert!(status == 0 && out.contains("bin/countersign: installed"), "{out}");
    assert_eq!(fs::read_to_string(site.world.path("usr/bin/countersign")).unwrap(), script);
    assert!(!site.world.path("usr/bin/countersign.former").exists());
}

#[test]
fn an_upgrade_that_was_cut_off_is_looked_at_by_the_next() {
    let site = Site::new();
    site.bare("project.git");
    site.installs();
    let program = site.world.path("usr/bin/countersign");
    fs::rename(&program, site.world.path("usr/bin/countersign.former")).unwrap();
    let former = fs::read(site.world.path("usr/bin/countersign.former")).unwrap();
    fs::copy(broken_program(&site), &program).unwrap();
    let (status, out) = site.install(&["--binary", &broken_program(&site)]);
    assert!(status == 1 && out.contains("the former one is back"), "{out}");
    assert_eq!(fs::read(&program).unwrap(), former);
}

#[test]
fn what_was_said_once_need_not_be_said_again() {
    let site = Site::new();
    let (one, two) = (site.bare("here/one.git"), site.bare("there/two.git"));
    for folder in ["srv/here", "srv/there"] {
        let log = site.world.path("log");
        let options = ["--allow-group", "root", "--log", log.to_str().unwrap(), "--deadline", "20s"];
        let (status, out) = site.install_for("plain", &site.world.path(folder), &options);
        assert_eq!(status, 0, "{out}");
    }
    let hook = fs::read(one.join("hooks/pre-receive")).unwrap();
    assert!(String::from_utf8_lossy(&hook).contains(" --deadline '20s'\n"));
    let three = site.bare("there/three.git");
    let mut command = site.script();
    command.arg("--config").arg(site.world.path("etc")).arg("--no-timer");
    command.arg("--binary").arg(site.world.path("countersign"));
    let (status, out) = told(command);
    assert!(status == 0 && out.contains("three.git: installed") && out.matches("up to date").count() == 3, "{out}");
    assert_eq!(fs::read(three.join("hooks/pre-receive")).unwrap(), hook);
    // One of the two places goes; the other is looked after as before.
    let (status, out) = site.install_for("plain", &site.world.path("srv/here"), &["--uninstall"]);
    assert!(status == 0 && !one.join("hooks/pre-receive").exists() && two.join("hooks/pre-receive").exists(), "{out}");
    let (status, out) = doctor(&site, &["--repair"]);
    assert!(status == 0 && !out.contains("one.git") && out.contains("two.git: up to date"), "{out}");
    let (status, out) = doctor(&site, &["--remove"]);
    assert!(status == 0 && !two.join("hooks/pre-receive").exists(), "{out}");
    let (status, out) = site.install_for("plain", &site.world.path("srv/there"), &["--uninstall"]);
    assert!(status == 0 && !site.world.path("etc/installed.toml").exists(), "{out}");
}

#[test]
fn a_template_gives_new_repositories_the_hook_at_once() {
    let site = Site::new();
    site.bare("old.git");
    let template = site.world.path("template");
    let (status, out) = site.install(&["--template", template.to_str().unwrap()]);
    assert_eq!(status, 0, "{out}");
    let new = site.repositories().join("new.git");
    fs::create_dir(&new).unwrap();
    let option = format!("--template={}", template.display());
    site.world.git_in(&new, &["init", "--quiet", "--bare", &option, "--initial-branch=main"]);
    let (status, out) = doctor(&site, &["--repair"]);
    assert!(status == 0 && out.contains("new.git: up to date") && out.contains("nothing to do"), "{out}");
    site.protect_main();
    site.judges(&new);
    let (status, out) = site.install(&["--uninstall"]);
    assert!(status == 0 && !template.join("hooks/pre-receive").exists(), "{out}");
}

#[test]
fn a_hook_of_the_version_before_is_known_and_replaced() {
    let site = Site::new();
    let repository = site.bare("project.git");
    site.installs();
    // As install.sh made it before the program did: the same first lines, and the checksum of cksum(1).
    let body = format!(
        "#!/bin/sh\n# Countersign's pre-receive hook.\n\ncountersign='{}'\nset -- hook pre-receive\n\nexec \"$countersign\" \"$@\"\n",
        site.world.path("usr/bin/countersign").display()
    );
    fs::write(site.world.path("body"), &body).unwrap();
    let mut command = site.world.command("sh", &site.world.path(""));
    command.args(["-c", "cksum <body"]);
    let sum = told(command).1;
    let older = body.replacen('\n', &format!("\n# countersign-install: {sum}"), 1);
    write_program(&repository.join("hooks/pre-receive"), &older);
    let out = site.installs();
    assert!(out.contains("project.git: installed\n"), "{out}");
    assert!(!repository.join("hooks/pre-receive.before-countersign").exists());
    site.protect_main();
    site.judges(&repository);
}

#[test]
fn the_timer_is_what_systemd_understands() {
    let site = Site::new();
    site.bare("project.git");
    // A systemd that runs, and somewhere else to put units.
    let script = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("install.sh")).unwrap();
    let checkout = site.world.path("check out");
    fs::create_dir(&checkout).unwrap();
    for folder in ["policies", "packaging"] {
        let mut copy = site.world.command("cp", &checkout);
        copy.arg("-r").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).arg(folder);
        assert_eq!(told(copy).0, 0);
    }
    let (running, units, bin) = (site.world.path("running"), site.world.path("units"), site.world.path("bin"));
    for folder in [&running, &units, &bin] {
        fs::create_dir(folder).unwrap();
    }
    let located = script
        .replace("systemd=/run/systemd/system", &format!("systemd='{}'", running.display()))
        .replace("\nunits=/etc/systemd/system", &format!("\nunits='{}'", units.display()))
        .replace("$(id -u)\" = 0 ] && [ -d \"$systemd\"", "$(id -u)\" != none ] && [ -d \"$systemd\"");
    assert_ne!(located, script);
    write_program(&checkout.join("install.sh"), &located);
    // It is asked to start the units, and says later that it has.
    let systemctl = format!(
        "#!/bin/sh\ncd '{}'\ncase $* in\n*is-enabled*) [ -e enabled ] ;;\n*enable*) echo \"$*\" >enabled ;;\n*disable*) rm enabled ;;\nesac\n",
        bin.display()
    );
    let systemctl = systemctl.replace("*enable*)", "*' enable '*)");
    write_program(&bin.join("systemctl"), &systemctl);
    let install = |more: &[&str]| {
        let mut command = site.world.command(checkout.join("install.sh"), &site.world.path(""));
        command.env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()));
        command.args(["--server", "plain", "--repos"]).arg(site.repositories());
        command.arg("--prefix").arg(site.world.path("usr")).arg("--config").arg(site.world.path("etc"));
        command.arg("--binary").arg(site.world.path("countersign"));
        command.arg("--ledger").arg(site.world.path("ledger")).args(more);
        told(command)
    };
    let (status, out) = install(&["--dry-run"]);
    assert!(status == 0 && out.contains("would be installed; looks after the hooks"), "{out}");
    assert_eq!(fs::read_dir(&units).unwrap().count(), 0);
    let (status, out) = install(&[]);
    assert!(status == 0 && out.contains(".timer: installed; looks after the hooks every ten minutes"), "{out}");
    let names: Vec<_> = fs::read_dir(&units).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    let service = names.iter().find(|path| path.extension().unwrap() == "service").unwrap();
    let text = fs::read_to_string(service).unwrap();
    let start = format!(
        "\nExecStart=\"{}\" doctor --config \"{}\" --repair\n",
        site.world.path("usr/bin/countersign").display(),
        site.world.path("etc").display()
    );
    assert!(text.contains(&start), "{text}");
    let mut verify = site.world.command("systemd-analyze", &units);
    verify.args(["verify", "--man=no"]).args(&names);
    let (_, said) = told(verify);
    assert!(!said.contains("countersign-doctor"), "{said}");
    let (status, out) = install(&[]);
    assert!(status == 0 && out.contains("nothing to do"), "{out}");
    let (status, out) = install(&["--uninstall"]);
    assert!(status == 0 && out.contains(".timer: removed"), "{out}");
    assert!(fs::read_dir(&units).unwrap().count() == 0 && !bin.join("enabled").exists());
}
