//! What an administrator, a disk or an attacker can do to an installation: doctor names it, and where git runs the hook at all the
//! push is refused.

use super::*;
use std::os::unix::fs::{chown, symlink};

/// While this is broken, doctor finds these, and a good push is refused with these words; once mended, all is well again.
#[track_caller]
fn named_and_refused(
    breaks: impl FnOnce(&Site),
    (severity, codes): (&str, &[&str]),
    words: &str,
    mends: impl FnOnce(&Site),
) {
    let site = Site::new();
    let first = site.signed(&[], "first");
    site.accepts(&format!("{first}:refs/heads/main"));
    let second = site.signed(&[&first], "second");
    breaks(&site);
    site.finds(severity, codes);
    site.refuses(&format!("{second}:refs/heads/main"), words);
    mends(&site);
    site.finds("ok", &[]);
    site.accepts(&format!("{second}:refs/heads/main"));
    site.finds("ok", &[]);
}

/// While this is broken git does not run the hook: doctor finds that, and what came meanwhile.
#[track_caller]
fn named_and_let_in(breaks: impl FnOnce(&Site), codes: &[&str], mends: impl FnOnce(&Site)) {
    let site = Site::new();
    let first = site.signed(&[], "first");
    site.accepts(&format!("{first}:refs/heads/main"));
    breaks(&site);
    let found = site.finds("critical", codes);
    assert_eq!(found.repository()["hook"], false);
    let bad = objects::unsigned(&site.world, &[&first], "bad");
    site.accepts(&format!("{bad}:refs/heads/main"));
    site.finds("critical", &[codes, &["ref-moved"]].concat());
    mends(&site);
    let found = site.finds("critical", &["ref-moved"]);
    assert_eq!((&found.repository()["hook"], &found.repository()["refs-without-record"]), (&true.into(), &1.into()));
}

fn moved(from: &'static str, to: &'static str) -> impl Fn(&Site) {
    move |site| fs::rename(site.world.path(from), site.world.path(to)).unwrap()
}

#[test]
fn all_is_well() {
    let site = Site::new();
    let found = site.doctor(&["--ignore", "ledger-missing"]);
    found.is("ok", &[]);
    assert_eq!(found.repository()["refs-without-record"], 0);
    site.accepts(&format!("{}:refs/heads/main", site.signed(&[], "first")));
    let found = site.finds("ok", &[]);
    let policy = &found.value["policies"][0];
    let digest = run_well(
        {
            let mut command = site.world.command("sha256sum", &site.world.path(""));
            command.arg("etc/policy.toml");
            command
        },
        b"",
    );
    assert_eq!(policy["digest"], format!("sha256:{}", &digest[..64]));
    assert_eq!(policy["recorded"], true);
    let output = run(site.command(&[]), b"");
    let told = String::from_utf8(output.stdout).unwrap();
    let place = site.repository().canonicalize().unwrap();
    assert_eq!(told, format!("OK: 1 repository\nok {}\n", place.display()));
}

#[test]
fn the_program_is_gone() {
    named_and_refused(
        moved("usr/bin/countersign", "kept"),
        ("critical", &["program-missing"]),
        "pre-receive hook declined",
        moved("kept", "usr/bin/countersign"),
    );
}

#[test]
fn the_hooks_process_is_killed() {
    let script = "#!/bin/sh\nkill -9 $$\n";
    named_and_refused(
        |site| site.write_program(&site.program(), script),
        ("critical", &["program-fails"]),
        "pre-receive hook declined",
        |site| site.write_program(&site.program(), &site.program_script()),
    );
}

#[test]
fn others_can_write_the_program() {
    let site = Site::new();
    set_mode(&site.program(), 0o777);
    site.finds("critical", &["program-writable", "ledger-missing"]);
}

#[test]
fn hooks_run_another_version() {
    let site = Site::new();
    site.write_program(&site.program(), "#!/bin/sh\necho countersign 0.0.9\n");
    site.finds("warning", &["program-differs", "ledger-missing"]);
}

#[test]
fn the_policy_is_broken() {
    let break_it = |site: &Site| site.policy("version = 1\nunmatched-refs = \"acept\"\n");
    named_and_refused(break_it, ("critical", &["policy-broken", "refs-unknown"]), "could not decide", |site| {
        site.policy(MAIN);
    });
    for path in ["etc/policy.toml", "etc/registry"] {
        let codes = ("critical", &["policy-broken", "refs-unknown"][..]);
        named_and_refused(
            |site| fs::rename(site.world.path(path), site.world.path("kept")).unwrap(),
            codes,
            "could not decide",
            |site| fs::rename(site.world.path("kept"), site.world.path(path)).unwrap(),
        );
    }
}

#[test]
fn everybody_can_write_the_policy() {
    named_and_refused(
        |site| set_mode(&site.world.path("etc/policy.toml"), 0o666),
        ("critical", &["policy-broken", "refs-unknown"]),
        "everybody can write",
        |site| set_mode(&site.world.path("etc/policy.toml"), 0o644),
    );
}

#[test]
fn a_policy_that_surprises() {
    let site = Site::new();
    site.policy(&MAIN.replace("signatures", "mode = \"warn\"\nsignatures"));
    site.finds("warning", &["policy-warning", "ledger-missing"]);
    let text = fs::read_to_string(site.world.path("etc/registry/allowed_signers")).unwrap();
    fs::write(site.world.path("etc/registry/allowed_signers"), text.replace(" ssh-", " zzz=\"1\" ssh-")).unwrap();
    site.finds("warning", &["policy-warning", "registry-warning", "ledger-missing"]);
}

#[test]
fn parts_of_the_ledger_are_gone_or_open_to_others() {
    let codes = ("critical", &["ledger-unreadable", "refs-unknown"][..]);
    named_and_refused(moved("ledger/key", "kept"), codes, "its key is gone", moved("kept", "ledger/key"));
    let readable = |mode| move |site: &Site| set_mode(&site.world.path("ledger/key"), mode);
    named_and_refused(readable(0o644), codes, "others than its owner can read", readable(0o600));
    let open = |mode| move |site: &Site| set_mode(&site.world.path("ledger"), mode);
    named_and_refused(open(0o777), codes, "everybody can write", open(0o700));
}

#[test]
fn the_ledger_is_anothers() {
    if is_root() {
        let owner = |user| move |site: &Site| chown(site.world.path("ledger"), Some(user), None).unwrap();
        let codes = ("critical", &["ledger-owner", "refs-unknown"][..]);
        named_and_refused(owner(65_534), codes, "belongs to user 65534", owner(0));
    }
}

#[test]
fn the_ledger_is_gone() {
    let site = Site::new();
    let first = site.signed(&[], "first");
    site.accepts(&format!("{first}:refs/heads/main"));
    fs::remove_dir_all(site.world.path("ledger")).unwrap();
    site.finds("warning", &["ledger-missing", "repository-not-recorded"]);
    assert!(!site.world.path("ledger").exists(), "doctor makes none");
}

/// A small disk of its own for the ledger, until it is dropped.
struct Disk(PathBuf);

impl Disk {
    fn new(site: &Site, size: &str) -> Option<Self> {
        let folder = site.world.path("ledger");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={size},mode=700"), "countersign"]).arg(&folder);
        let output = run(command, b"");
        if !output.status.success() {
            println!("left out: {}", String::from_utf8_lossy(&output.stderr));
            return None;
        }
        Some(Self(folder))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let mut command = Command::new("umount");
        command.arg("-l").arg(&self.0);
        run_well(command, b"");
    }
}

#[test]
fn the_disk_of_the_ledger_is_full() {
    let site = Site::new();
    if !is_root() {
        return;
    }
    let Some(disk) = Disk::new(&site, "64m") else { return };
    let first = site.signed(&[], "first");
    site.accepts(&format!("{first}:refs/heads/main"));
    site.finds("ok", &[]);
    let filler = disk.0.join("filler");
    // The disk is full when not even zeroes go there any more.
    let mut command = site.world.command("dd", &disk.0);
    command.args(["if=/dev/zero", "of=filler", "bs=4k"]);
    assert!(!run(command, b"").status.success());
    let found = site.doctor(&[]);
    assert!(found.codes().contains("disk-full"), "{:#}", found.value);
    assert_eq!((found.status, &found.value["ledgers"][0]["free"]), (2, &0.into()));
    // What is written already of a log has room; a push that needs more has none.
    let mut tip = first.clone();
    let refused = (0..40).any(|number| {
        let next = site.signed(&[&tip], &format!("next {number}"));
        let (accepted, told) = site.push(&format!("{next}:refs/heads/main"));
        if accepted {
            tip = next;
        } else {
            assert!(told.contains("could not decide") && told.contains("full"), "{told}");
        }
        !accepted
    });
    assert!(refused);
    fs::remove_file(filler).unwrap();
    site.finds("ok", &[]);
    drop(disk);
}

#[test]
fn the_log_cannot_be_written() {
    named_and_refused(
        |site| {
            fs::remove_file(site.world.path("log")).unwrap();
            fs::create_dir(site.world.path("log")).unwrap();
        },
        ("critical", &["log-unwritable"]),
        "opening the log",
        |site| fs::remove_dir(site.world.path("log")).unwrap(),
    );
}

#[test]
fn the_hook_is_gone() {
    named_and_let_in(moved("srv/project.git/hooks/pre-receive", "kept"), &["hook-missing"], |site| {
        fs::rename(site.world.path("kept"), site.hook()).unwrap();
    });
}

#[test]
fn nobody_may_execute_the_hook() {
    let mode = |mode| move |site: &Site| set_mode(&site.hook(), mode);
    named_and_let_in(mode(0o644), &["hook-not-executable"], mode(0o755));
}

#[test]
fn git_looks_for_hooks_elsewhere() {
    let set = |site: &Site| drop(site.git(&["config", "core.hooksPath", "/dev/null"]));
    let unset = |site: &Site| drop(site.git(&["config", "--unset", "core.hooksPath"]));
    named_and_let_in(set, &["hooks-path"], unset);
}

#[test]
fn another_hook_stands_in_its_place() {
    named_and_let_in(
        |site| {
            fs::rename(site.hook(), site.world.path("kept")).unwrap();
            site.write_program(&site.hook(), "#!/bin/sh\ncat >/dev/null\n");
        },
        &["hook-not-ours"],
        |site| fs::rename(site.world.path("kept"), site.hook()).unwrap(),
    );
    named_and_let_in(
        |site| {
            fs::rename(site.hook(), site.world.path("kept")).unwrap();
            symlink("/bin/true", site.hook()).unwrap();
        },
        &["hook-not-ours"],
        |site| fs::rename(site.world.path("kept"), site.hook()).unwrap(),
    );
}

#[test]
fn somebody_changed_the_hook_or_can() {
    let site = Site::new();
    let text = fs::read_to_string(site.hook()).unwrap();
    fs::write(site.hook(), text.clone() + "exit 0\n").unwrap();
    let found = site.finds("critical", &["hook-changed", "ledger-missing"]);
    assert!(found.repository()["hook"].is_null(), "what it does now is not known");
    fs::write(site.hook(), text).unwrap();
    set_mode(&site.hook(), 0o775);
    site.finds("critical", &["hook-writable", "ledger-missing"]);
    set_mode(&site.hook(), 0o755);
    set_mode(&site.repository().join("hooks"), 0o777);
    site.finds("critical", &["hook-writable", "ledger-missing"]);
}

#[test]
fn settings_of_git() {
    let site = Site::new();
    let certified = "pusher = { certificate = \"required\" }";
    site.accepts(&format!("{}:refs/heads/main", site.signed(&[], "first")));
    site.git(&["config", "--unset", "receive.fsckObjects"]);
    site.git(&["config", "receive.maxInputSize", "0"]);
    site.finds("warning", &["fsck-off", "no-size-limit"]);
    site.doctor(&["--ignore", "fsck-off", "--ignore", "no-size-limit"]).is("ok", &[]);
    site.policy(&MAIN.replace("signatures", &format!("{certified}\nsignatures")));
    site.finds("critical", &["fsck-off", "no-size-limit", "certificate-nonce"]);
    // What is critical is told all the same.
    let ignored = site.doctor(&["--ignore", "fsck-off", "--ignore", "no-size-limit", "--ignore", "certificate-nonce"]);
    ignored.is("critical", &["certificate-nonce"]);
    site.git(&["config", "receive.certNonceSeed", "seed"]);
    site.git(&["config", "transfer.fsckObjects", "true"]);
    site.finds("warning", &["no-size-limit", "certificate-slop"]);
    site.git(&["config", "receive.certNonceSlop", "60"]);
    site.git(&["config", "receive.maxInputSize", "2g"]);
    site.finds("ok", &[]);
    fs::write(site.repository().join("config"), "[core\n").unwrap();
    let found = site.doctor(&[]);
    assert!(found.codes().contains("settings-unknown"), "{:#}", found.value);
}

#[test]
fn a_repository_that_the_hook_cannot_read() {
    let site = Site::new();
    site.git(&["config", "core.repositoryFormatVersion", "1"]);
    site.git(&["config", "extensions.refStorage", "reftable"]);
    let found = site.doctor(&[]);
    assert!(found.codes().contains("repository-unreadable"), "{:#}", found.value);
}

#[test]
fn where_nothing_is_installed_nothing_is_well() {
    let site = Site::new();
    let elsewhere = site.world.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    site.doctor(&["--repos", elsewhere.to_str().unwrap()]).is("unknown", &["no-repositories"]);
    let mut command = site.world.command(env!("CARGO_BIN_EXE_countersign"), &elsewhere);
    command.args(["doctor", "--format", "json", "--config"]).arg(&elsewhere);
    let output = run(command, b"");
    let found = Found { status: output.status.code().unwrap(), value: serde_json::from_slice(&output.stdout).unwrap() };
    found.is("unknown", &["not-installed"]);
}
