//! `policy check`: all mistakes at once; else what the policy protects, and what surprises.

use crate::support::{self, World, keys};

fn check(world: &World, more: &[&str]) -> (i32, String, String) {
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.path("home"));
    command.args(["policy", "check"]).arg(world.policy_path()).args(more);
    let output = support::run(command, b"");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// Each line with what is wrong in it, if anything, and the part of it that is pointed at.
const TEN_MISTAKES: &[(&str, &str, &str)] = &[
    ("version = 2", "is not a whole number from 1 to 1", "2"),
    ("unmatched-refs = \"acept\"", "`acept` is not one of `accept`, `refuse`", "\"acept\""),
    ("server = \"plian\"", "`plian` is not one of", "\"plian\""),
    ("hlep = \"https://wiki.example\"", "unknown key `hlep`", "hlep"),
    ("[groups]", "", ""),
    ("dev = [\"@ops\"]", "the group `dev` contains itself: dev > ops > dev", "[\"@ops\"]"),
    ("ops = [\"@dev\"]", "the group `ops` contains itself: ops > dev > ops", "[\"@dev\"]"),
    ("[[rule]]", "", ""),
    ("name = \"main\"", "", ""),
    ("refs = [\"main\"]", "write `refs/heads/main`", "\"main\""),
    ("mode = \"warm\"", "`warm` is not one of `enforce`, `warn`", "\"warm\""),
    (
        "signatures = { commits = \"all\", by = [\"@maintainers\"] }",
        "there is no group `maintainers`",
        "\"@maintainers\"",
    ),
    ("updates = { force-push = \"no\" }", "this has to be", "\"no\""),
];

#[test]
fn ten_mistakes_are_told_in_one_run_each_at_its_line_with_a_caret() {
    let world = World::new();
    let lines: Vec<_> = TEN_MISTAKES.iter().map(|(line, ..)| *line).collect();
    world.policy(&(lines.join("\n") + "\n"));
    let (status, out, error) = check(&world, &[]);
    assert_eq!((status, out.as_str()), (1, ""), "{error}");
    let blocks: Vec<_> = error.split("\n\n").collect();
    let mut told = 0;
    for (number, (line, what, part)) in TEN_MISTAKES.iter().enumerate().filter(|(_, (_, what, _))| !what.is_empty()) {
        let block = blocks.iter().find(|block| block.contains(what)).unwrap_or_else(|| panic!("{what}\n{error}"));
        let place = format!("policy.toml:{}:{}", number + 1, line.find(part).unwrap() + 1);
        assert!(block.contains(&place) && block.contains(line), "{place}\n{block}");
        let carets = block.lines().find_map(|line| line.find('^').map(|at| &line[at..])).unwrap();
        let width = carets.chars().take_while(|&character| character == '^').count();
        assert_eq!(width, part.len(), "{block}");
        told += 1;
    }
    assert!(told == 10 && error.ends_with("policy.toml has 10 mistakes\n"), "{told}\n{error}");
    let (status, out, _) = check(&world, &["--format", "json"]);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, value["errors"].as_array().unwrap().len()), (1, 10), "{out}");
}

#[test]
fn without_mistakes_it_says_what_is_protected_and_by_how_many() {
    let world = World::new();
    let policy = "version = 1\nunmatched-refs = \"refuse\"\n[[rule]]\nname = \"main\"\nrefs = [\"HEAD\"]\n\
                  signatures = { commits = \"all\" }\n[[rule]]\nname = \"tags\"\nrefs = [\"refs/tags/**\"]\n\
                  warn-until = 2090-01-01\ntags = { by = [\"alice@example.com\"] }\n";
    world.policy(policy);
    let (status, out, error) = check(&world, &[]);
    assert_eq!((status, error.as_str()), (0, ""));
    for words in [
        "policy.toml: no mistakes\n",
        "rule `main` (policy.toml:3): enforced\n    applies to `HEAD`\n",
        "every commit that it gains must be signed by any registered person",
        "rule `tags` (policy.toml:7): warns, refuses nothing; from 2090-01-01 enforced",
        "refs that no rule matches are refused\n",
        "rules: 1 enforced, 1 in `warn`; signers: 4 registered as people\n",
    ] {
        assert!(out.contains(words), "{words}: {out}");
    }
    assert!(!out.contains("warning: "), "{out}");
}

#[test]
fn what_surprises_is_warned_about() {
    let world = World::new();
    let line = format!("alice@example.com {}\n", keys::public_ssh("alice-ssh"));
    world.registry(&[("allowed_signers", &line)]);
    world.policy(
        "version = 1\nunmatched-refs = \"accept\"\n[groups]\nnever = [\"alice@example.com\"]\ngone = [\"zoe\"]\n\
         [[rule]]\nname = \"a\"\nrefs = [\"refs/heads/*\"]\nmode = \"warn\"\n\
         signatures = { commits = \"all\", by = [\"@gone\"] }\n\
         [[rule]]\nname = \"b\"\nrefs = [\"refs/heads/main\"]\nexcept-refs = [\"refs/heads/**\"]\n\
         [[rule]]\nname = \"c\"\nrefs = [\"HEAD\"]\ntags = { signed = true }\n\
         [[rule]]\nname = \"d\"\nrefs = [\"HEAD\"]\ntags = { signed = true }\n",
    );
    let (status, out, _) = check(&world, &["--format", "json"]);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    let warnings: Vec<_> = value["warnings"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    let expected = [
        "line 4: the group `never` is used nowhere",
        "line 5: nobody in the registry is `zoe`",
        "line 6: rule `a` only warns, and for ever",
        "line 6: rule `a`: `refs/heads/*` does not match names with another `/`",
        "line 6: rule `a`: `signatures.by` is nobody",
        "line 11: rule `b` applies to nothing",
        "line 11: rule `b` asks nothing but what `updates` does by default",
        "line 15: rule `c`: `tags` asks nothing",
        "line 19: rule `d` asks what rule `c` asks already",
        "line 19: rule `d`: `tags` asks nothing",
    ];
    assert_eq!((status, warnings.len()), (0, expected.len()), "{warnings:#?}");
    for (told, expected) in warnings.iter().zip(expected) {
        assert!(told.starts_with(expected), "{expected}\n{warnings:#?}");
    }
}
