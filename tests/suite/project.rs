//! The project's own files hold together: policies compile, documentation is complete and true, commands exist.

use crate::support::{World, run};
use countersign::{document::Groups, policy};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// All files, but for what is built and git's own.
fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![root().to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            match path.is_dir() {
                true if [".git", "target"].contains(&name) => {}
                true => waiting.push(path),
                false => found.push(path),
            }
        }
    }
    found
}

fn named(folder: &str, ending: &str) -> Vec<PathBuf> {
    let below = root().join(folder);
    files().into_iter().filter(|path| path.starts_with(&below) && path.to_str().unwrap().ends_with(ending)).collect()
}

/// The policies themselves; the folders beside them are registries.
fn ready_policies() -> Vec<PathBuf> {
    named("policies", ".toml").into_iter().filter(|path| path.parent() == Some(&root().join("policies"))).collect()
}

const DOCUMENTS: &[&str] = &[
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "docs/policy.md",
    "docs/registry.md",
    "docs/json.md",
    "docs/limits.md",
    "docs/performance.md",
    "docs/threats.md",
    "docs/README.md",
    "docs/refused.md",
    "docs/servers.md",
    "docs/guide/install.md",
    "docs/guide/registry.md",
    "docs/guide/log.md",
    "docs/guide/start.md",
    "docs/guide/enforce.md",
    "docs/guide/people.md",
    "docs/guide/laptop.md",
    "docs/guide/friday.md",
    "docs/guide/pusher.md",
    "docs/guide/forge.md",
    "docs/guide/monitoring.md",
    "docs/guide/operations/upgrade.md",
    "docs/guide/operations/servers.md",
    "docs/guide/operations/privacy.md",
    "docs/guide/operations/sizing.md",
];

/// The code blocks of a document that begin with this line.
fn blocks(document: &str, opening: &str) -> Vec<String> {
    let text = read(document);
    let parts = text.split("\n```").skip(1).step_by(2);
    parts
        .filter_map(|part| part.split_once('\n'))
        .filter(|(kind, _)| *kind == opening)
        .map(|(_, body)| body.to_owned())
        .collect()
}

#[test]
fn every_policy_and_every_example_compiles() {
    let mut sources: Vec<(String, String)> = Vec::new();
    for path in ready_policies() {
        sources.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
    }
    assert!(sources.len() >= 8, "{sources:?}");
    for example in blocks("docs/policy.md", "toml") {
        // An example of one key stands for a rule that has it.
        let whole = match example.starts_with("version") {
            true => example.clone(),
            false => {
                let groups = ["release", "dev", "security", "oncall", "maintainers"];
                let groups: String = groups.iter().map(|group| format!("{group} = [\"a\"]\n")).collect();
                format!(
                    "version = 1\nunmatched-refs = \"refuse\"\n[groups]\n{groups}[[rule]]\nname = \"x\"\n\
                     refs = [\"HEAD\"]\n{example}"
                )
            }
        };
        sources.push(("docs/policy.md".into(), whole));
    }
    assert!(sources.len() >= 12);
    for (name, source) in sources {
        if let Err(problems) = policy::compile(&source, &Groups::new()) {
            panic!("{name}: {problems:?}\n{source}");
        }
    }
}

#[test]
fn what_is_written_as_an_example_in_a_policy_can_be_used_as_it_is() {
    for path in ready_policies() {
        let source = fs::read_to_string(&path).unwrap();
        // Keys that are there to be taken in: a comment that would be a line of TOML.
        let is_key = |line: &str| {
            line.split_once(" = ")
                .is_some_and(|(key, _)| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'))
        };
        let taken: Vec<String> = source
            .lines()
            .map(|line| match line.strip_prefix('#').map(str::trim) {
                Some(key) if is_key(key) && !source.contains(&format!("\n{} =", key.split(" = ").next().unwrap())) => {
                    key.to_owned()
                }
                _ => line.to_owned(),
            })
            .collect();
        let taken = taken.join("\n");
        assert_ne!(taken, source.trim_end(), "{}: no example was found", path.display());
        if let Err(problems) = policy::compile(&taken, &Groups::new()) {
            panic!("{}: {problems:?}\n{taken}", path.display());
        }
    }
}

#[test]
fn the_example_of_signers_toml_is_a_registry() {
    let world = World::new();
    let examples = blocks("docs/registry.md", "toml");
    assert_eq!(examples.len(), 1);
    world.registry(&[("signers.toml", &examples[0])]);
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.clone_path());
    command.args(["registry", "list"]).arg(world.registry_path());
    let output = run(command, b"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Keys that a source file reads: the literals after `optional(` and `required(`.
fn keys_read(path: &Path) -> BTreeSet<String> {
    let source = fs::read_to_string(path).unwrap();
    let source = source.split("#[cfg(test)]").next().unwrap();
    let calls = source.match_indices("fields.optional(\"").chain(source.match_indices("fields.required(\""));
    calls.map(|(at, call)| source[at + call.len()..].split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn every_key_of_the_policy_is_documented() {
    let reference = read("docs/policy.md");
    let mut keys = keys_read(&root().join("src/policy/compile.rs"));
    for kind in policy::rules::KEYS {
        assert!(reference.contains(&format!("\n### {kind}\n")), "docs/policy.md has no section on `{kind}`");
        let file = root().join(format!("src/policy/rules/{kind}.rs"));
        let (source, section) =
            (fs::read_to_string(&file).unwrap(), reference.split(&format!("\n### {kind}\n")).nth(1).unwrap());
        let section = section.split("\n### ").next().unwrap();
        assert!(source.contains(&format!("//! `{kind} = ")), "{} has no example in its documentation", file.display());
        let manual: String = source.lines().take_while(|line| line.starts_with("//!")).collect();
        for key in keys_read(&file) {
            assert!(section.contains(&format!("| `{key}` |")), "docs/policy.md does not say what `{kind}.{key}` is");
            assert!(manual.contains(&key), "{} does not say what `{key}` is", file.display());
            keys.insert(key);
        }
    }
    assert!(keys.len() > 25, "{keys:?}");
    for key in keys {
        assert!(reference.contains(&format!("`{key}`")), "docs/policy.md does not say what `{key}` is");
    }
}

#[test]
fn every_key_of_signers_toml_is_documented() {
    let reference = read("docs/registry.md");
    let mut keys = keys_read(&root().join("src/registry/signers.rs"));
    keys.extend(keys_read(&root().join("src/registry/key_states.rs")));
    assert!(keys.len() > 12, "{keys:?}");
    for key in keys.iter().filter(|key| !["signer", "key"].contains(&key.as_str())) {
        assert!(reference.contains(&format!("| `{key}` |")), "docs/registry.md does not say what `{key}` is");
    }
}

/// `module::function` of every test below these folders, a module being a file.
fn tests_below(folders: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for path in folders.iter().flat_map(|folder| named(folder, ".rs")) {
        let source = fs::read_to_string(&path).unwrap();
        let functions = source.split("#[test]\n").skip(1).filter_map(|rest| rest.split("fn ").nth(1));
        let module = path.file_stem().unwrap().to_str().unwrap();
        found.extend(functions.map(|function| format!("{module}::{}", function.split('(').next().unwrap())));
    }
    found
}

#[test]
fn every_threat_is_shown_by_a_test_and_every_test_of_a_threat_is_told() {
    let text = read("docs/threats.md");
    let tests = tests_below(&["src", "tests/suite", "tests/servers"]);
    let mut told = BTreeSet::new();
    let mut rows = 0;
    for row in text.lines().filter(|line| line.starts_with("| ") && !line.ends_with("| shown by |")) {
        let cells: Vec<&str> =
            row.strip_prefix('|').and_then(|row| row.strip_suffix('|')).unwrap().split('|').map(str::trim).collect();
        let [attack, outcome, shown] = cells.as_slice() else { panic!("{row}") };
        let names: Vec<&str> = shown.split('`').skip(1).step_by(2).collect();
        assert_eq!(names.is_empty(), outcome.starts_with("not yet"), "{row}");
        assert!(!outcome.is_empty() || attack.starts_with("*accepted:*"), "{row}");
        for name in names {
            let exists = match name.strip_prefix("scenario ") {
                Some(scenario) => root().join("fixtures/scenarios").join(scenario).join("verdict").exists(),
                None => tests.contains(name),
            };
            assert!(exists, "there is no test `{name}`: {row}");
            told.insert(name.to_owned());
        }
        rows += 1;
    }
    assert!(rows > 150, "{rows}");
    let shown = tests_below(&["tests/suite/threats"]);
    let untold: Vec<_> = shown.difference(&told).collect();
    assert!(shown.len() > 90 && untold.is_empty(), "docs/threats.md does not name {untold:?}");
}

#[test]
fn every_limit_is_documented_with_its_number() {
    let reference = read("docs/limits.md");
    let source = read("src/bounds.rs");
    let mut limits = 0;
    for constant in source.split("pub const ").skip(1) {
        let (name, rest) = constant.split_once(':').unwrap();
        let value = rest.split_once(" = ").unwrap().1.split(';').next().unwrap();
        let number: u64 = value.split(" * ").map(|factor| factor.replace('_', "").parse::<u64>().unwrap()).product();
        let row = reference.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let written = row.unwrap_or_else(|| panic!("docs/limits.md leaves out `{name}`"));
        let written = written.trim_end_matches(" |").rsplit("| ").next().unwrap().replace(',', "");
        let (amount, unit) = written.split_once(' ').unwrap_or((&written, ""));
        let unit = match unit {
            "" | "bytes" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            other => panic!("{other}"),
        };
        assert_eq!(amount.parse::<u64>().unwrap() * unit, number, "docs/limits.md: `{name}`");
        limits += 1;
    }
    assert_eq!(reference.matches("\n| `").count(), limits);
    assert!(limits > 12, "{limits}");
}

#[test]
fn every_command_that_the_documents_name_exists() {
    let makefile = read("Makefile");
    let targets: BTreeSet<_> =
        makefile.lines().filter_map(|line| line.split_once(':')).map(|(target, _)| target).collect();
    let mut named = 0;
    for document in DOCUMENTS.iter().chain(&[".ci/run", "Makefile"]) {
        for line in read(document).lines() {
            let line = line.trim_start_matches([' ', '\t', '`']).trim_start_matches("@echo '");
            let Some(target) = line.strip_prefix("make ").and_then(|rest| rest.split([' ', '`']).next()) else {
                continue;
            };
            assert!(targets.contains(target), "{document}: `make {target}`");
            named += 1;
        }
    }
    assert!(named > 12, "{named}");
    let world = World::new();
    let mut commands = 0;
    for document in DOCUMENTS {
        let text = read(document);
        for code in text.split('`').skip(1).step_by(2).filter_map(|code| code.strip_prefix("countersign ")) {
            let words: Vec<_> = code
                .split(' ')
                .take_while(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'))
                .collect();
            let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.clone_path());
            let output = run(
                {
                    command.args(&words).arg("--help");
                    command
                },
                b"",
            );
            assert!(output.status.success(), "{document}: `countersign {code}`");
            commands += 1;
        }
    }
    assert!(commands > 8, "{commands}");
}

#[test]
fn nothing_speaks_of_places_outside_the_project() {
    // Put together here, so that this file does not speak of them.
    let outside = [
        ["/wo", "rk/"],
        ["/tmp", "/w/"],
        ["sha", "red/design"],
        ["../sha", "red"],
        ["DEVELO", "PERS.md"],
        ["BRI", "EF.md"],
    ]
    .map(|parts| parts.concat());
    let mut looked_at = 0;
    for path in files() {
        let bytes = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for place in &outside {
            assert!(!text.contains(place.as_str()), "{} speaks of {place}", path.display());
        }
        looked_at += 1;
    }
    assert!(looked_at > 60, "{looked_at}");
}

#[test]
fn shell_scripts_are_executable_and_say_what_they_are() {
    use std::os::unix::fs::PermissionsExt;
    let mut scripts = 0;
    for path in files() {
        if fs::read(&path).unwrap().starts_with(b"#!") {
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o111, 0o111, "{}", path.display());
            let source = fs::read_to_string(&path).unwrap();
            assert!(source.lines().nth(1).unwrap().starts_with("# "), "{}", path.display());
            scripts += 1;
        }
    }
    assert!(scripts >= 6, "{scripts}");
}
