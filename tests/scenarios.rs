//! One test a folder of `fixtures/scenarios`: a real push to a real repository through the hook.
//!
//! To add one, copy a folder and edit its files:
//!
//! - `policy.toml`, whose first comment says what the scenario shows; or `policy`, the name of a file in `policies/`
//! - `push.sh`: the last line is the push that is judged, what comes before must succeed; `fixtures/scenarios/prelude.sh`
//!   says what it can use
//! - `verdict`: `accepted`, `warned: REASON`, `waived: REASON, …`, `refused: REASON, …` or `undecided`
//! - `stderr`: what the pusher was told, made by `UPDATE_GOLDENS=1 cargo test --test scenarios`, and to be read
//! - `environment`, what the Git server sets: lines `NAME=value`, in which `<world>` is the scenario's own folder
//! - `object-format`, if it is not `sha1`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::as_conversions)]
#![allow(clippy::disallowed_methods, clippy::print_stderr, clippy::print_stdout, clippy::wildcard_enum_match_arm)]

#[path = "suite/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the suite uses the rest")]
mod support;

use countersign::policy::rules::KEYS as KINDS;
use libtest_mimic::{Arguments, Failed, Trial};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};
use support::{Pushed, World, is_told, keys, phrase_of, run, security_key};
use toml::de::{DeTable, DeValue};

/// Every key by its path, those of a rule without `rule` before it. A scenario accepts under it, and for each of these
/// reasons one does not (`undecided` where nothing could be judged).
const KEYS: &[(&str, &[&str])] = &[
    ("unmatched-refs", &["unmatched-ref"]),
    ("registry", &["unknown-key", "undecided"]),
    ("registry-require", &["undecided"]),
    ("server", &["pusher"]),
    ("repositories-root", &["unsigned"]),
    ("groups", &["not-allowed"]),
    ("refs", &["unsigned"]),
    ("except-refs", &["unsigned"]),
    ("repositories", &["unsigned", "create"]),
    ("except-repositories", &["unsigned"]),
    ("mode", &["unsigned"]),
    ("warn-until", &["unsigned"]),
    ("baseline", &["unsigned"]),
    ("baseline-received", &["unsigned"]),
    ("ledger", &["undecided"]),
    ("ledger.path", &["undecided"]),
    ("signatures.commits", &["unsigned", "no-commits"]),
    ("signatures.unsigned", &["unknown-key"]),
    ("signatures.by", &["not-allowed"]),
    ("signatures.formats", &["format"]),
    ("signatures.verify-time", &["key-expired"]),
    ("signatures.grace", &["key-expired", "certificate-expired"]),
    ("signatures.security-key", &["security-key"]),
    ("signatures.forge", &["forge", "forge-push", "forge-actor", "forge-not-a-merge"]),
    ("signatures.merge-tags", &["merge-tag", "merge-tag-fault"]),
    ("signatures.merge-tags.required", &["merge-tag-unsigned"]),
    ("signatures.merge-tags.by", &["merge-tag-signer"]),
    ("identity.committer", &["identity-signer", "identity-unregistered", "identity-unsigned"]),
    ("identity.author", &["identity-signer", "identity-unregistered", "identity-unsigned"]),
    ("identity.pusher", &["pusher-signer", "pusher-unknown", "pusher-unsigned"]),
    ("updates.create", &["create"]),
    ("updates.update", &["update"]),
    ("updates.force-push", &["force-push", "tag-moved"]),
    ("updates.delete", &["delete"]),
    ("history.merges", &["merge", "not-a-merge"]),
    ("history.max-commits", &["too-many-commits"]),
    ("messages.require", &["message-missing"]),
    ("messages.forbid", &["message-forbidden"]),
    ("messages.skip-merges", &["message-missing"]),
    ("messages.sign-off", &["sign-off"]),
    ("paths.match", &["path-not-allowed"]),
    ("paths.except", &["path-not-allowed"]),
    ("paths.by", &["path-not-allowed"]),
    ("paths.forbid", &["path-forbidden"]),
    ("paths.max-size", &["path-too-large"]),
    ("tags.annotated", &["not-annotated"]),
    ("tags.signed", &["unsigned", "unknown-key"]),
    ("tags.by", &["not-allowed"]),
    ("tags.name-matches-ref", &["tag-name"]),
    ("tags.on", &["tag-not-on"]),
    ("pusher.by", &["pusher"]),
    ("pusher.certificate", &["no-push-certificate", "push-certificate"]),
    ("pusher.via", &["via"]),
    ("review.approvals", &["review"]),
    ("review.by", &["review"]),
    ("review.paths", &["review"]),
    ("review.match", &["review"]),
    ("emergency.by", &["emergency-not-allowed", "emergency-pusher", "emergency-ref", "emergency-used"]),
    ("emergency.waives", &["unsigned", "emergency-form", "emergency-unsigned", "emergency-signature"]),
    ("emergency.ticket", &["emergency-ticket"]),
    ("emergency.review-within", &["emergency-overdue"]),
    ("emergency.approvals", &["emergency-approvals"]),
    ("emergency.review-by", &["approval-settles"]),
];

/// Keys that are only told.
const WORDS: &[&str] = &["version", "help", "rule", "name"];

fn main() -> ExitCode {
    let scenarios = scenarios();
    let shown: Vec<(BTreeSet<String>, String)> =
        scenarios.iter().map(|scenario| (keys_of(&scenario.policy_text()), scenario.verdict())).collect();
    let mut trials: Vec<Trial> = scenarios
        .into_iter()
        .map(|scenario| Trial::test(scenario.name.clone(), move || scenario.play().map_err(Failed::from)))
        .collect();
    trials.push(Trial::test("every_key_is_shown_accepting_and_refusing", move || {
        every_key_is_shown(&shown).map_err(Failed::from)
    }));
    trials.push(Trial::test("every_key_that_is_read_has_to_be_shown", || {
        every_key_that_is_read_is_listed().map_err(Failed::from)
    }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios")
}

/// One folder.
struct Scenario {
    /// `area::case`.
    name: String,
    folder: PathBuf,
}

fn scenarios() -> Vec<Scenario> {
    let folders = |path: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
        folders.sort();
        folders
    };
    let last = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut found = Vec::new();
    for area in folders(&root()) {
        for folder in folders(&area) {
            found.push(Scenario { name: format!("{}::{}", last(&area), last(&folder)), folder });
        }
    }
    assert!(!found.is_empty(), "no scenarios in {}", root().display());
    found
}

impl Scenario {
    fn file(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(name)).ok()
    }

    fn policy_text(&self) -> String {
        match self.file("policy") {
            Some(name) => fs::read_to_string(policies().join(name.trim())).unwrap(),
            None => self.file("policy.toml").unwrap(),
        }
    }

    fn verdict(&self) -> String {
        self.file("verdict").unwrap().trim().to_owned()
    }

    fn play(&self) -> Result<(), String> {
        let world = World::of_format(self.file("object-format").as_deref().unwrap_or("sha1").trim());
        world.policy(&self.policy_text());
        let pushed = self.push(&world)?;
        let verdict = verdict_of(&world, &pushed);
        let told = without_what_varies(&world, &pushed.told());
        if verdict != self.verdict() {
            return Err(format!("`verdict` says: {}\nthe push was: {verdict}\n{}", self.verdict(), pushed.output));
        }
        let golden = self.folder.join("stderr");
        if std::env::var_os("UPDATE_GOLDENS").is_some() {
            fs::write(golden, told).unwrap();
            return Ok(());
        }
        match fs::read_to_string(golden) {
            Ok(expected) if expected == told => Ok(()),
            Ok(expected) => Err(format!("`stderr` says:\n{expected}\nthe pusher was told:\n{told}")),
            Err(error) => Err(format!("`stderr`: {error}; the pusher was told:\n{told}")),
        }
    }

    /// Runs `push.sh`: what comes before its last line, which must succeed, then that.
    fn push(&self, world: &World) -> Result<Pushed, String> {
        let script = self.file("push.sh").ok_or("no `push.sh`")?;
        let script = script.trim_end();
        let (before, last) = script.rsplit_once('\n').unwrap_or(("", script));
        if !last.starts_with("git push ") {
            return Err(format!("the last line of `push.sh` is no push: {last}"));
        }
        // A shell cannot sign so.
        let by_token: Vec<(&str, String)> = [("TOUCHED", security_key::TOUCHED), ("UNLOCKED", security_key::UNLOCKED)]
            .into_iter()
            .filter(|(name, _)| script.contains(&format!("${name}")))
            .map(|(name, flags)| (name, security_key::commit(world, flags, &[], "Root")))
            .collect();
        let shell = |text: &str| {
            let mut command = world.command("sh", &world.clone_path());
            command.args(["-e", "-u", "-c", &format!(". '{}'\n{text}", root().join("prelude.sh").display())]);
            command
                .env("SERVER", world.server())
                .env("POLICY", world.policy_path())
                .env("REGISTRY", world.registry_path())
                .env("POLICIES", policies());
            for line in self.file("environment").unwrap_or_default().lines() {
                let (name, value) = line.split_once('=').unwrap();
                command.env(name, value.replace("<world>/", world.path("").to_str().unwrap()));
            }
            command.env("TOKEN", security_key::public());
            command.envs(by_token.iter().map(|(name, id)| (*name, id)));
            for key in [keys::ALICE_SSH, keys::BOB_SSH, keys::MALLORY_SSH, keys::DAVE_OPENPGP, keys::CAROL_EXPIRED] {
                command.env(key.replace('-', "_").to_uppercase(), keys::signing_key(key));
            }
            command
        };
        let prepared = run(shell(before), b"");
        if !prepared.status.success() {
            return Err(format!("what comes before the push failed:\n{}", String::from_utf8_lossy(&prepared.stderr)));
        }
        Ok(world.pushed_by(shell(last)))
    }
}

fn policies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")
}

/// What came of it, in the words of `verdict`.
fn verdict_of(world: &World, pushed: &Pushed) -> String {
    let told = pushed.told();
    let changed = pushed.before != pushed.after;
    let reasons = |effect| world.found_by_hook(effect);
    let listed = |reasons: BTreeSet<String>| {
        for reason in &reasons {
            assert!(is_told(&told, reason), "`{}` is missing:\n{told}", phrase_of(reason));
        }
        reasons.into_iter().collect::<Vec<_>>().join(", ")
    };
    match (pushed.succeeded, pushed.hook, changed) {
        (true, Some(0), true) if told.contains("` is waived") => format!("waived: {}", listed(reasons("waived"))),
        (true, Some(0), true) if told.contains("warning:") => format!("warned: {}", listed(reasons("warns"))),
        (true, Some(0), true) => "accepted".to_owned(),
        (false, Some(1), false) => format!("refused: {}", listed(reasons("refuses"))),
        (false, Some(3), false) => "undecided".to_owned(),
        odd => format!("{odd:?}"),
    }
}

/// Ids, fingerprints, paths and days differ from run to run, or with new keys.
fn without_what_varies(world: &World, told: &str) -> String {
    let list = ["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"];
    let objects: BTreeSet<String> = [world.clone_path(), world.server()]
        .iter()
        .flat_map(|folder| world.git_in(folder, &list).lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let mut text = told.to_owned();
    for key in [keys::ALICE_SSH, keys::BOB_SSH, keys::MALLORY_SSH] {
        text = text.replace(&keys::fingerprint(key), &format!("<{key}>"));
    }
    for key in [keys::DAVE_OPENPGP, keys::ERIN_OPENPGP, keys::CAROL_EXPIRED, keys::MALLORY_OPENPGP] {
        text = text.replace(&keys::fingerprint(key), &format!("<{key}>"));
        text = text.replace(&keys::fingerprint(key).to_lowercase(), &format!("<{key}>"));
    }
    text = text.replace(&security_key::fingerprint(), "<token>");
    text = without_ids(&text, &objects);
    text = without_moments(&text);
    text = without_checkpoint(&text);
    text.replace(world.path("").to_str().unwrap(), "<world>/")
}

/// Where an accepted push is recorded: each ledger has its own name and hashes.
fn without_checkpoint(text: &str) -> String {
    let lines = text.split_inclusive('\n').map(|line| match line.split_once("; checkpoint ") {
        Some((records, _)) => format!("{records}; checkpoint …\n"),
        None => line.to_owned(),
    });
    lines.collect()
}

/// When a key ended that the scenario let end before it was run, and when a review is due.
fn without_moments(text: &str) -> String {
    without_moment(&without_moment(text, "good until ", "\n"), "has to review it by ", ": ")
}

fn without_moment(text: &str, after: &str, before: &str) -> String {
    let mut parts = text.split(after);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(before).map_or("", |end| &part[end..]);
        kept += &format!("{after}<moment>{end}");
    }
    kept
}

/// Each id, whole or cut short, becomes its number in the order of appearance.
fn without_ids(text: &str, objects: &BTreeSet<String>) -> String {
    let (mut safe, mut rest, mut numbers) = (String::new(), text, Vec::new());
    while let Some(first) = rest.chars().next() {
        let length = rest.find(|character: char| !matches!(character, '0'..='9' | 'a'..='f')).unwrap_or(rest.len());
        let object = objects.iter().find(|object| length >= 7 && object.starts_with(&rest[..length]));
        if let Some(object) = object {
            let at = numbers.iter().position(|known| known == object).unwrap_or(numbers.len());
            if at == numbers.len() {
                numbers.push(object.clone());
            }
            safe.push_str(&format!("<id {}>", at + 1));
        } else {
            safe.push_str(if length == 0 { &rest[..first.len_utf8()] } else { &rest[..length] });
        }
        rest = &rest[if length == 0 { first.len_utf8() } else { length }..];
    }
    safe
}

fn every_key_is_shown(shown: &[(BTreeSet<String>, String)]) -> Result<(), String> {
    for (key, reasons) in KEYS {
        let verdicts: Vec<&str> =
            shown.iter().filter(|(keys, _)| keys.contains(*key)).map(|(_, verdict)| verdict.as_str()).collect();
        if !verdicts.iter().any(|verdict| *verdict == "accepted" || verdict.starts_with("waived: ")) {
            return Err(format!("no scenario accepts under `{key}`"));
        }
        for reason in *reasons {
            let has = |verdict: &&str| verdict.split([':', ',']).any(|word| word.trim() == *reason);
            if !verdicts.iter().any(has) {
                return Err(format!("no scenario under `{key}` ends in `{reason}`"));
            }
        }
    }
    Ok(())
}

/// The keys that a policy has, by their paths.
fn keys_of(policy: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect_keys("", DeTable::parse(policy).unwrap().get_ref(), &mut found);
    found
}

fn collect_keys(above: &str, table: &DeTable<'_>, found: &mut BTreeSet<String>) {
    for (key, value) in table {
        let path = if above.is_empty() { key.get_ref().to_string() } else { format!("{above}.{}", key.get_ref()) };
        let below = if path == "rule" { "" } else { &path };
        match value.get_ref() {
            DeValue::Table(table) => collect_keys(below, table, found),
            DeValue::Array(values) => {
                for value in values.iter() {
                    if let DeValue::Table(table) = value.get_ref() {
                        collect_keys(below, table, found);
                    }
                }
            }
            _ => {}
        }
        found.insert(path);
    }
}

/// The literals after `optional(` and `required(` in the source, under the key of the table that they are read from.
fn every_key_that_is_read_is_listed() -> Result<(), String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/policy");
    let mut files = vec![(source.join("compile.rs"), String::new())];
    files.push((source.join("rules/merge_tags.rs"), "signatures.merge-tags.".to_owned()));
    files.extend(KINDS.iter().map(|kind| (source.join(format!("rules/{kind}.rs")), format!("{kind}."))));
    let mut read = 0;
    for (file, above) in files {
        let text = fs::read_to_string(&file).unwrap();
        for call in ["optional(\"", "required(\""] {
            for key in text.split(call).skip(1).map(|rest| rest.split('"').next().unwrap()) {
                let path = match key {
                    "path" => "ledger.path".to_owned(),
                    _ => format!("{above}{key}"),
                };
                if !WORDS.contains(&&*path) && !KEYS.iter().any(|(known, _)| *known == path) {
                    return Err(format!("`{path}` is read, and no scenario has to show it"));
                }
                read += 1;
            }
        }
    }
    if read == KEYS.len() + WORDS.len() { Ok(()) } else { Err(format!("{read} keys are read, and more are listed")) }
}
