//! The hook as a program: what a pusher, or whoever starts it, can put into its way.

use crate::support::{self, World, keys::*, objects};
use std::{fs, process::Output};

/// Runs the hook itself on these lines, with more in its environment.
fn hook(world: &World, lines: &str, environment: &[(&str, &str)], options: &[&str]) -> Output {
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.server());
    command.args(["hook", "pre-receive", "--policy"]).arg(world.policy_path()).args(options).env("GIT_DIR", ".");
    command.envs(environment.iter().copied());
    support::run(command, lines.as_bytes())
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &output.stderr].concat()).into_owned()
}

#[test]
fn text_that_acts_upon_a_terminal() {
    let world = World::with_signed_main();
    let subject = "\u{1b}[2J\u{1b}]0;owned\u{7} \u{202e}gnp.exe\u{2066}\u{200b} \u{9b}31m";
    let mut commit = objects::Commit::new(&world, &[], subject);
    commit.author = b"\x1b[8mHidden\x1b[0m <a@example.com> 1700000000 +0000".to_vec();
    let id = commit.unsigned(&world);
    let told = world.refuses(&[&format!("{id}:refs/heads/main")], &["unsigned"]).told();
    let active = |character: char| {
        character != '\n' && (character.is_control() || "\u{202e}\u{2066}\u{200b}".contains(character))
    };
    assert!(!told.contains(active), "{told:?}");
    assert!(told.contains("\\u{1b}[2J") && told.contains("\\u{202e}gnp"), "{told}");
}

#[test]
fn lines_that_look_like_gits_or_ours() {
    let world = World::with_signed_main();
    let subject = "fine\nremote: error: refs/heads/main: accepted\nhint: rm -rf ~\r\x1b[Kerror: nothing";
    let id = objects::unsigned(&world, &[], subject);
    let told = world.refuses(&[&format!("{id}:refs/heads/main")], &["unsigned"]).told();
    for line in told.lines() {
        assert!(!line.starts_with("remote:") && !line.starts_with("hint: rm") && !line.contains('\r'), "{told}");
    }
    assert_eq!(told.lines().filter(|line| line.starts_with("error:")).count(), 1, "{told}");
}

#[test]
fn a_ref_name_that_acts_upon_a_terminal() {
    let world = World::new();
    world.policy("version = 1\nunmatched-refs = \"refuse\"\n");
    let id = objects::unsigned(&world, &[], "one");
    let told = world.refuses(&[&format!("{id}:refs/heads/x\u{202e}niam")], &["unmatched-ref"]).told();
    assert!(told.contains("refs/heads/x\\u{202e}niam") && !told.contains('\u{202e}'), "{told}");
}

#[test]
fn the_program_itself_linked_as_the_hook() {
    let world = World::with_signed_main();
    let bad = format!("{}:refs/heads/main", objects::unsigned(&world, &[], "bad"));
    let hook = world.server().join("hooks/pre-receive");
    let script = fs::read(&hook).unwrap();
    fs::remove_file(&hook).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_countersign"), &hook).unwrap();
    let pushed = world.push(&[&bad]);
    assert!(!pushed.succeeded && pushed.before == pushed.after, "{}", pushed.output);
    assert!(pushed.told().contains("has to run `countersign hook pre-receive`"), "{}", pushed.output);
    fs::remove_file(&hook).unwrap();
    fs::write(&hook, script).unwrap();
    support::set_mode(&hook, 0o755);
    world.refuses(&[&bad], &["unsigned"]);
    world.accepts(&[&format!("{}:refs/heads/main", objects::signed(&world, ALICE_SSH, &[], "good"))]);
}

#[test]
fn an_environment_that_leads_elsewhere() {
    let world = World::with_signed_main();
    let bad = objects::unsigned(&world, &[], "bad");
    let good = objects::signed(&world, ALICE_SSH, &[], "good");
    world.push_without_hook(&[
        &format!("{bad}:refs/heads/bad"),
        &format!("{good}:refs/heads/good"),
        &format!("{good}:refs/elsewhere/{bad}"),
    ]);
    let grafts = world.path("grafts");
    fs::write(&grafts, "").unwrap();
    let elsewhere = world.clone_path();
    let elsewhere = elsewhere.to_str().unwrap();
    let environment = [
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "core.useReplaceRefs"),
        ("GIT_CONFIG_VALUE_0", "true"),
        ("GIT_CONFIG_PARAMETERS", "'core.useReplaceRefs'='true'"),
        ("GIT_REPLACE_REF_BASE", "refs/elsewhere/"),
        ("GIT_GRAFT_FILE", grafts.to_str().unwrap()),
        ("GIT_COMMON_DIR", elsewhere),
        ("GIT_CEILING_DIRECTORIES", "/"),
        ("GIT_SHALLOW_FILE", ""),
        ("COUNTERSIGN_POLICY", "/dev/null"),
        ("PATH", elsewhere),
        ("HOME", elsewhere),
        ("XDG_CONFIG_HOME", elsewhere),
        ("TZ", "Pacific/Kiritimati"),
        ("LANG", "tr_TR.UTF-8"),
    ];
    let lines = |id: &str| format!("{} {id} refs/heads/main\n", world.null());
    let refused = hook(&world, &lines(&bad), &environment, &[]);
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused));
    assert!(text(&refused).contains("not signed"), "{}", text(&refused));
    let accepted = hook(&world, &lines(&good), &environment, &[]);
    assert_eq!(accepted.status.code(), Some(0), "{}", text(&accepted));
    assert!(text(&accepted).starts_with("accepted: record "), "{}", text(&accepted));
}

#[test]
fn a_password_that_the_web_server_leaks_into_the_environment() {
    let world = World::with_signed_main();
    let bad = objects::unsigned(&world, &[], "bad");
    world.push_without_hook(&[&format!("{bad}:refs/heads/bad")]);
    let log = world.path("log");
    let environment = [
        ("HTTP_AUTHORIZATION", "Basic c2VjcmV0OnBhc3N3b3Jk"),
        ("REMOTE_PASSWORD", "secret-password"),
        ("COUNTERSIGN_LOG", "trace"),
        ("RUST_LOG", "trace"),
    ];
    let lines = format!("{} {bad} refs/heads/main\n", world.null());
    let refused = hook(&world, &lines, &environment, &["--log", log.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused));
    let all = text(&refused) + &fs::read_to_string(log).unwrap();
    assert!(!all.contains("c2VjcmV0") && !all.contains("secret-password"), "{all}");
}

#[test]
fn lines_on_standard_input_that_are_no_updates() {
    let world = World::with_signed_main();
    let good = objects::signed(&world, ALICE_SSH, &[], "good");
    world.push_without_hook(&[&format!("{good}:refs/heads/good")]);
    let line = format!("{} {good} refs/heads/main", world.null());
    for bad in [
        line.clone(),
        format!("{line}\n\n"),
        format!("{line}\n{line}\n"),
        format!("{line} \n"),
        format!("{line}\r\n"),
        line.replace("refs/heads/main", "main") + "\n",
        line.replace("refs/heads/main", "HEAD") + "\n",
        line.replace("refs/heads/main", "refs/heads/../x") + "\n",
        line.to_uppercase() + "\n",
        "\0".repeat(1 << 20),
    ] {
        let undecided = hook(&world, &bad, &[], &[]);
        assert_eq!(undecided.status.code(), Some(3), "{bad:?}");
        assert!(text(&undecided).contains("could not decide"), "{}", text(&undecided));
    }
    assert_eq!(hook(&world, &(line + "\n"), &[], &[]).status.code(), Some(0));
}

#[test]
fn the_order_of_the_updates_does_not_matter() {
    let world = World::with_signed_main();
    let bad = objects::unsigned(&world, &[], "bad");
    let top = objects::signed(&world, ALICE_SSH, &[&bad], "on top");
    world.push_without_hook(&[&format!("{top}:refs/heads/dev")]);
    let line = |id: &str, name: &str| format!("{} {id} refs/heads/{name}\n", world.null());
    let lines = [line(&bad, "a"), line(&top, "main"), line(&top, "z")];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let refused = hook(&world, &order.map(|at| lines[at].clone()).concat(), &[], &[]);
        assert_eq!(refused.status.code(), Some(1), "{order:?} {}", text(&refused));
        assert!(text(&refused).contains("not signed"), "{}", text(&refused));
    }
    assert_eq!(hook(&world, &[&*lines[0], &lines[2]].concat(), &[], &[]).status.code(), Some(0));
}
