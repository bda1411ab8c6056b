//! The directions of ARCHITECTURE.md, read from the source's tokens: a `use` line is not all, there are inline paths and
//! macros.

use proc_macro2::{TokenStream, TokenTree};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Which modules of ours a module may name, itself apart. Those that see everything are not listed.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("bounds", &[]),
    ("push", &[]),
    ("document", &["push"]),
    ("trusted", &["Undecided", "error"]),
    ("object", &["push"]),
    ("git", &["push", "object", "Undecided", "error"]),
    ("signature", &["push", "object"]),
    ("registry", &["push", "object", "signature", "document", "trusted", "Undecided", "error"]),
    ("policy", &["push", "object", "signature", "registry", "document", "Undecided", "error"]),
    ("ledger", &["push", "object", "signature", "registry", "policy", "trusted", "Undecided", "error"]),
    ("report", &["push", "policy", "registry", "document", "ledger", "error", "Undecided"]),
];

/// May be named by all.
const COMMON: &str = "bounds";

const SEE_EVERYTHING: &[&str] = &["lib", "main", "run", "cli"];

/// Which crate belongs to which modules alone.
const OWNERS: &[(&str, &[&str])] = &[
    ("gix", &["git"]),
    ("sequoia_openpgp", &["signature"]),
    ("ssh_key", &["signature"]),
    ("aws_lc_rs", &["signature", "ledger"]),
    ("base64ct", &["ledger"]),
    ("toml", &["document"]),
    ("globset", &["policy"]),
    ("annotate_snippets", &["report"]),
    ("serde_json", &["report", "cli", "ledger", "run"]),
    ("rusqlite", &["ledger"]),
    ("clap", &["cli"]),
    ("rustix", &["trusted", "cli"]),
    ("rustls", &["cli"]),
    ("ureq", &["cli"]),
    ("tracing_subscriber", &["cli"]),
];

fn words(stream: TokenStream, out: &mut Vec<String>) {
    for tree in stream {
        match tree {
            TokenTree::Group(group) => {
                out.push("{".into());
                words(group.stream(), out);
                out.push("}".into());
            }
            TokenTree::Ident(ident) => out.push(ident.to_string()),
            TokenTree::Punct(punct) => out.push(punct.as_char().to_string()),
            TokenTree::Literal(_) => out.push("literal".into()),
        }
    }
}

/// The first segments after `crate::` (groups expanded one level), and the owned crates that a path begins with.
fn mentions(source: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut tokens = Vec::new();
    words(source.parse().unwrap(), &mut tokens);
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token == text);
    let (mut ours, mut crates) = (BTreeSet::new(), BTreeSet::new());
    for at in 0..tokens.len() {
        if is(at, "crate") && is(at + 1, ":") && is(at + 2, ":") {
            if !is(at + 3, "{") {
                ours.insert(tokens[at + 3].clone());
                continue;
            }
            let (mut depth, mut first) = (0, false);
            for token in &tokens[at + 3..] {
                match token.as_str() {
                    "{" => {
                        depth += 1;
                        first |= depth == 1;
                    }
                    "}" => {
                        depth -= 1;
                        if depth == 0 {
                            break;
                        }
                    }
                    "," if depth == 1 => first = true,
                    name if first => {
                        ours.insert(name.to_owned());
                        first = false;
                    }
                    _ => {}
                }
            }
        }
        let begins_path = is(at + 1, ":") && is(at + 2, ":") && !(at >= 2 && is(at - 1, ":") && is(at - 2, ":"));
        if begins_path && OWNERS.iter().any(|(name, _)| tokens[at] == *name) {
            crates.insert(tokens[at].clone());
        }
    }
    (ours, crates)
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Every source file with the module it belongs to.
fn modules() -> Vec<(String, String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&src, &mut found);
    // Tables of a database are no source. Unit tests may name whatever they need, in a file of their own, too.
    found.retain(|path| path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs"));
    let module_of = |path: &Path| {
        let relative = path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
        let module = relative.split(['/', '.']).next().unwrap().to_owned();
        (relative, module, fs::read_to_string(path).unwrap())
    };
    found.iter().map(|path| module_of(path)).collect()
}

/// What comes before a file's unit tests; those may name whatever they need.
fn without_tests(source: &str) -> &str {
    source.split("#[cfg(test)]").next().unwrap()
}

#[test]
fn every_module_names_only_what_lies_before_it() {
    let mut checked = 0;
    for (file, module, source) in modules() {
        if SEE_EVERYTHING.contains(&module.as_str()) {
            continue;
        }
        let stated = MAY_NAME.iter().find(|(name, _)| *name == module);
        let (_, may) = stated.unwrap_or_else(|| panic!("{file}: no direction is stated for `{module}`"));
        let (ours, _) = mentions(without_tests(&source));
        for named in ours {
            assert!(
                named == module || named == COMMON || may.contains(&named.as_str()),
                "{file} names `crate::{named}`"
            );
        }
        checked += 1;
    }
    assert!(checked > 20, "{checked}");
}

#[test]
fn every_crate_is_used_by_its_owners_alone() {
    let mut used = BTreeSet::new();
    for (file, module, source) in modules() {
        for named in mentions(without_tests(&source)).1 {
            let (_, owners) = OWNERS.iter().find(|(name, _)| *name == named).unwrap();
            assert!(owners.contains(&module.as_str()), "{file} uses `{named}`");
            used.insert(named);
        }
    }
    let all: BTreeSet<_> = OWNERS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(used, all, "an owned crate that nobody uses, or a path this test does not see");
}

/// Whether `std::process::Command` is named; clap's commands are called so, too.
fn starts_programs(tokens: &[String]) -> bool {
    (0..tokens.len()).any(|at| {
        let is = |after: usize, text: &str| tokens.get(at + after).is_some_and(|token| token == text);
        let named = is(0, "process") && is(1, ":") && is(2, ":");
        // In braces there are but the names of one `use`.
        let listed = || tokens[at + 4..].iter().take_while(|token| *token != "}").any(|token| token == "Command");
        named && (is(3, "Command") || is(3, "*") || is(3, "{") && listed())
    })
}

/// What looks after an installation: it starts git, and the installed program.
fn below_doctor(file: &str) -> bool {
    ["cli/doctor", "cli/site"]
        .iter()
        .any(|name| file.strip_prefix(name).is_some_and(|rest| rest.starts_with(['/', '.'])))
}

/// `cli/mod.rs` alone hands over to it; a hook never goes there.
#[test]
fn nothing_that_a_hook_runs_reaches_doctor() {
    let mut named = Vec::new();
    for (file, _, source) in modules() {
        let mut tokens = Vec::new();
        words(without_tests(&source).parse().unwrap(), &mut tokens);
        // A path: its first or a later segment. The field and the key of a policy of that name are none.
        let reaches = tokens.windows(3).any(|three| {
            let is_segment = three[1] == ":" && three[2] == ":";
            (three[0] == "doctor" || three[0] == "site") && is_segment
        });
        if reaches && !below_doctor(&file) {
            named.push(file);
        }
    }
    assert_eq!(named, ["cli/mod.rs"]);
}

#[test]
fn nothing_starts_another_program_or_opens_a_connection() {
    for (file, _, source) in modules() {
        let mut tokens = Vec::new();
        words(without_tests(&source).parse().unwrap(), &mut tokens);
        // No hook, and nothing that a hook runs, is below those that may.
        let may = file == "cli/approve/git.rs" || below_doctor(&file);
        assert!(!starts_programs(&tokens) || may, "{file} starts a program");
        for pair in tokens.windows(4) {
            assert!(
                !pair.iter().any(|token| token == "TcpStream" || token == "UdpSocket"),
                "{file} opens a connection"
            );
            let by_crate = pair.iter().any(|token| token == "ureq" || token == "rustls");
            assert!(!by_crate || file == "cli/ledger/publish.rs", "{file} opens a connection");
        }
    }
}

#[test]
fn this_test_sees_what_use_lines_do_not() {
    let (ours, crates) =
        mentions("fn f() { crate::git::x() } m!(gix::open(1)); use crate::{push::A, policy::{B, C}}; a::gix::b();");
    assert_eq!(ours.into_iter().collect::<Vec<_>>(), ["git", "policy", "push"]);
    assert_eq!(crates.into_iter().collect::<Vec<_>>(), ["gix"]);
    for (source, starts) in [
        ("use std::{path::Path, process::{ExitCode, Command}};", true),
        ("fn f() { std::process::Command::new(1); }", true),
        ("use std::process::*;", true),
        ("use std::process::{self, ExitCode}; use clap::Command; fn f() { Command::new(1); }", false),
    ] {
        let mut tokens = Vec::new();
        words(source.parse().unwrap(), &mut tokens);
        assert_eq!(starts_programs(&tokens), starts, "{source}");
    }
}

#[test]
fn the_document_states_the_same_directions() {
    let document = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap();
    for (module, may) in MAY_NAME.iter().filter(|(module, _)| !["error", "trusted"].contains(module)) {
        let may: Vec<_> = may.iter().filter(|named| !["error", "Undecided"].contains(named)).collect();
        let named = may.iter().map(|named| format!("`{named}`")).collect::<Vec<_>>().join(", ");
        let row = if named.is_empty() { "nothing of ours".to_owned() } else { named };
        assert!(
            document.contains(&format!("\n| `{module}` | {row} |\n")),
            "ARCHITECTURE.md does not say: `{module}`: {row}"
        );
    }
}
