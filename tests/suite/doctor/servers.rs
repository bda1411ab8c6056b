//! On what forges and Gitolite have: doctor sees what keeps their hooks from running, and a canary goes the way that it can.

use super::Found;
use crate::{
    install::{Site, write_program},
    install_servers::{GITEA, WRAPPER, gitea_repository, gitolite, install_gitolite, pushes},
    support::{keys, objects, run, set_mode},
};
use std::{collections::BTreeSet, fs, os::unix::fs::symlink, path::Path};

/// What is critical or unknown, or is one of these; and what the canary of the first repository showed.
fn doctor(site: &Site, arguments: &[&str]) -> (BTreeSet<String>, Option<String>) {
    let mut command = site.world.command(env!("CARGO_BIN_EXE_countersign"), &site.world.path(""));
    command.args(["doctor", "--format", "json", "--config"]).arg(site.world.path("etc")).args(arguments);
    let output = run(command, b"");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"));
    let found = Found { status: output.status.code().unwrap(), value };
    let bad = found.all().filter(|finding| {
        ["critical", "unknown"].iter().any(|severity| finding["severity"] == *severity)
            || finding["code"] == "hook-not-first"
    });
    let codes: BTreeSet<String> = bad.map(|finding| finding["code"].as_str().unwrap().to_owned()).collect();
    let of_status = found.all().any(|finding| finding["severity"] == "critical");
    assert_eq!(found.status == 2, of_status, "{:#}", found.value);
    (codes, found.repository()["canary"].as_str().map(str::to_owned))
}

#[track_caller]
fn finds(site: &Site, codes: &[&str], canary: &str) {
    let found = doctor(site, &["--canary"]);
    assert_eq!(found, (codes.iter().map(|code| (*code).to_owned()).collect(), Some(canary.to_owned())));
}

#[test]
fn the_wrapper_of_gitea_was_rewritten() {
    for server in ["gitea", "forgejo"] {
        let site = Site::new();
        let repository = gitea_repository(&site, "infra/dns.git");
        let (status, out) = site.install_for(server, &site.repositories(), &[]);
        assert_eq!(status, 0, "{out}");
        site.protect_main();
        let good = objects::signed(&site.world, keys::ALICE_SSH, &[], "good");
        assert!(pushes(&site, &good, &repository, GITEA).0);
        finds(&site, &[], "refused");
        let wrapper = repository.join("hooks/pre-receive");
        write_program(&wrapper, "#!/bin/sh\ncat >/dev/null\nexit 0\n");
        finds(&site, &["wrapper-changed", "canary-accepted"], "not refused");
        // It ends before it gets there.
        write_program(&wrapper, &WRAPPER.replace("exitcodes=\"\"\n", "exit 0\n"));
        finds(&site, &["wrapper-changed", "canary-accepted"], "not refused");
        write_program(&wrapper, WRAPPER);
        set_mode(&wrapper, 0o644);
        finds(&site, &["wrapper-changed", "canary-accepted"], "not refused");
        let bad = objects::unsigned(&site.world, &[&good], "bad");
        assert!(pushes(&site, &bad, &repository, GITEA).0, "git runs nothing");
        set_mode(&wrapper, 0o755);
        finds(&site, &["ref-moved"], "refused");
        write_program(&repository.join("hooks/pre-receive.d/a-first"), "#!/bin/sh\n");
        finds(&site, &["ref-moved", "hook-not-first"], "refused");
        fs::remove_file(repository.join("hooks/pre-receive.d/countersign")).unwrap();
        finds(&site, &["ref-moved", "hook-not-first", "hook-missing", "canary-accepted"], "not refused");
    }
}

#[test]
fn gitolites_link_was_repointed() {
    let site = Site::new();
    let local_code = site.world.path("local");
    let path = gitolite(&site, &local_code);
    let project = site.bare("project.git");
    let (status, out) = install_gitolite(&site, &path, &[]);
    assert_eq!(status, 0, "{out}");
    site.protect_main();
    let good = objects::signed(&site.world, keys::ALICE_SSH, &[], "good");
    assert!(pushes(&site, &good, &project, &[("GL_USER", "alice"), ("GL_REPO", "project")]).0);
    finds(&site, &[], "refused");
    let (hook, link) = (local_code.join("hooks/common/pre-receive"), project.join("hooks/pre-receive"));
    let elsewhere = site.world.path("other");
    write_program(&elsewhere, "#!/bin/sh\nexit 0\n");
    let leads_to = |target: &Path| {
        drop(fs::remove_file(&link));
        symlink(target, &link).unwrap();
    };
    leads_to(&elsewhere);
    finds(&site, &["hook-repointed", "canary-accepted"], "not refused");
    fs::remove_file(&link).unwrap();
    finds(&site, &["hook-missing", "canary-accepted"], "not refused");
    write_program(&link, "#!/bin/sh\nexit 0\n");
    finds(&site, &["hook-not-ours", "canary-accepted"], "not refused");
    leads_to(&hook);
    finds(&site, &[], "refused");
    set_mode(&hook, 0o777);
    finds(&site, &["hook-writable"], "refused");
    fs::remove_file(&hook).unwrap();
    finds(&site, &["hook-missing", "canary-accepted"], "not refused");
}

#[test]
fn whether_gitolite_runs_a_vref_its_compiled_rules_say() {
    let site = Site::new();
    let path = gitolite(&site, &site.world.path("local"));
    let project = site.bare("project.git");
    let (status, out) = install_gitolite(&site, &path, &["--vref"]);
    assert_eq!(status, 0, "{out}");
    assert_eq!(doctor(&site, &[]).0, BTreeSet::from(["hook-unknown".to_owned()]));
    fs::write(project.join("gl-conf"), "%one_repo = ('project' => {'@all' => [[1, '-', 'VREF/countersign']]});\n")
        .unwrap();
    assert_eq!(doctor(&site, &[]).0, BTreeSet::new());
}

#[test]
fn the_hook_of_gitlab_decides_when_it_is_asked() {
    for for_all in [false, true] {
        let site = Site::new();
        let repository = site.bare("@hashed/6b/86/x.git");
        let custom = site.world.path("custom");
        let custom_hooks = ["--custom-hooks", custom.to_str().unwrap()];
        let options = if for_all { &custom_hooks[..] } else { &[] };
        let (status, out) = site.install_for("gitlab", &site.repositories(), options);
        assert_eq!(status, 0, "{out}");
        finds(&site, &[], "refused");
        fs::create_dir_all(repository.join("custom_hooks")).unwrap();
        write_program(&repository.join("custom_hooks/pre-receive"), "#!/bin/sh\n");
        finds(&site, &["hook-not-first"], "refused");
        fs::remove_file(repository.join("custom_hooks/pre-receive")).unwrap();
        let folder = if for_all { custom } else { repository.join("custom_hooks") };
        fs::remove_file(folder.join("pre-receive.d/countersign")).unwrap();
        finds(&site, &["hook-missing", "canary-accepted"], "not refused");
    }
}
