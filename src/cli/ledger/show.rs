//! `ledger show`: all that a record says.

use super::{
    Place, register,
    summary::{Summary, shown},
    then,
};
use crate::{
    Undecided,
    cli::{
        Common, Form, Outcome, kept,
        output::{Output, tell},
        place::now,
    },
    ledger::{Bringing, ChangedPaths, Digest, Entry, Ledger, Person, bytes, digest_of},
    registry::{Registry, Signer, SignerId},
    report::{
        SCHEMA, escaped,
        register::{Waiver, waiver_json, waiver_lines},
    },
};
use clap::Args;
use serde_json::{Value, json};

/// Shows a record: who pushed, and how that is known; the rules, and what became of them; what was found; the commits that
/// were brought, with signer, key, author and committer; the policy and registry; the outcome.
///
/// Each ledger numbers its own records: `--ledger DIR` names one that this one continues.
///
/// Exit status 1 if there is no such record or content.
#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// The record's number, as the pusher was told
    #[arg(value_name = "N", required_unless_present = "content")]
    number: Option<u64>,
    /// Prints the record's bytes as they are kept, and nothing else
    #[arg(long, conflicts_with = "content")]
    raw: bool,
    /// Prints what a record names by its digest: `sha256:…`, or the first digits of one
    #[arg(long, value_name = "DIGEST", conflicts_with = "number")]
    content: Option<String>,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    let ledger = kept::to_ask(common, arguments.place.ledger.as_deref())?;
    if let Some(digest) = &arguments.content {
        return content(&ledger, digest, output);
    }
    let number = arguments.number.unwrap_or_default();
    if arguments.raw {
        return match ledger.body(number)? {
            Some(body) => output.bytes(&body).map(|()| Outcome::Good),
            None => Ok(missing(&ledger, number)),
        };
    }
    let Some(entry) = ledger.entry(number)? else { return Ok(missing(&ledger, number)) };
    let shown = Shown::of(&ledger, entry)?;
    match common.format {
        Form::Json => output.line(&shown.to_json().to_string())?,
        Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => shown.write(output)?,
    }
    Ok(Outcome::Good)
}

fn missing(ledger: &Ledger, number: u64) -> Outcome {
    tell(&format!("error: there is no record {number}\n"));
    if let Some(former) = ledger.former_folder() {
        let hint = format!("hint: of the ledger that this one continues: --ledger {}", former.display());
        tell(&format!("{}\n", escaped(&hint)));
    }
    Outcome::NotGood
}

/// As it is kept; what reads it decides what it makes of it.
fn content(ledger: &Ledger, written: &str, output: &mut Output) -> Result<Outcome, Undecided> {
    const LEAST: usize = 4;
    let prefix = written.strip_prefix("sha256:").unwrap_or(written).to_ascii_lowercase();
    if prefix.len() < LEAST || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        tell("error: a digest is `sha256:` and at least 4 hexadecimal digits\n");
        return Ok(Outcome::Usage);
    }
    match *ledger.contents_like(&prefix)? {
        [digest] => output.bytes(&ledger.content(digest)?.unwrap_or_default()).map(|()| Outcome::Good),
        [] => {
            tell(&format!("error: no content with the digest sha256:{prefix} is kept\n"));
            Ok(Outcome::NotGood)
        }
        _ => {
            tell(&format!("error: the digests of several contents begin with {prefix}\n"));
            Ok(Outcome::NotGood)
        }
    }
}

/// A record with what belongs to it.
struct Shown {
    summary: Summary,
    /// What became of it, and the record that says so.
    outcome: Option<(String, Option<Entry>)>,
    brought: Option<Bringing>,
    /// As they were then.
    registries: Vec<Registry>,
    is_certificate_kept: bool,
    waivers: Vec<Waiver>,
    /// The paths that an emergency changed, as far as they are listed.
    paths: Vec<Vec<u8>>,
}

impl Shown {
    fn of(ledger: &Ledger, entry: Entry) -> Result<Self, Undecided> {
        let damaged = |error| Undecided::server(format!("reading record {}", entry.number()), error);
        let outcome = match ledger.state(entry.number())? {
            Some(state) if state == "completed" || state == "failed" => {
                let told = ledger.outcome_of(entry.number(), &state)?;
                Some((state, told))
            }
            state => state.map(|state| (state, None)),
        };
        let list = entry.brought().map_err(damaged)?.map(|(list, _)| ledger.content(list)).transpose()?.flatten();
        let brought = list.map(|list| Bringing::read(&list)).transpose().map_err(damaged)?;
        let mut registries = Vec::new();
        for policy in entry.list("policies").map_err(damaged)? {
            if let Some(list) = policy.get("registry").and_then(digest_of) {
                registries.extend(then::registry(ledger, list)?);
            }
        }
        let certificate = entry.some("certificate").and_then(digest_of);
        let is_certificate_kept = certificate.map_or(Ok(false), |digest: Digest| ledger.has_content(digest))?;
        let state = outcome.as_ref().map_or("", |(state, _)| state.as_str());
        // Of a push that was refused, nothing is owed.
        let waivers = if state == "refused" { Vec::new() } else { register::waivers(ledger, &entry, state, now()?)? };
        let paths = entry.paths().map_err(damaged)?.map(|paths| ledger.content(paths.list)).transpose()?.flatten();
        let paths = paths.map(|list| ChangedPaths::read_list(&list)).transpose().map_err(damaged)?.unwrap_or_default();
        let summary = Summary::of(ledger, entry)?;
        Ok(Self { summary, outcome, brought, registries, is_certificate_kept, waivers, paths })
    }

    fn entry(&self) -> &Entry {
        &self.summary.entry
    }

    fn signer(&self, id: &str) -> Option<Signer> {
        let id = SignerId(id.to_owned());
        self.registries.iter().find_map(|registry| registry.signer(&id)).map(|signer| (*signer).clone())
    }

    /// Which of author and committer have an email that is not the signer's, as far as is known whose that is.
    fn not_the_signers(&self, person: &Person) -> Vec<&'static str> {
        let Some(signer) = person.signer.as_deref().and_then(|id| self.signer(id)) else { return Vec::new() };
        let is_other = |written: &[u8]| email(written).is_some_and(|email| !signer.has_email(email));
        let both = [("author", &person.author), ("committer", &person.committer)];
        both.into_iter().filter(|(_, written)| is_other(written)).map(|(what, _)| what).collect()
    }

    fn to_json(&self) -> Value {
        let objects = self.brought.iter().flat_map(Bringing::objects).map(|(object, person)| match person {
            None => json!({ "id": object.to_string(), "status": null }),
            Some(person) => json!({
                "id": object.to_string(), "status": person.status, "signer": person.signer, "key": person.key,
                "format": person.format, "author": bytes(&person.author), "committer": bytes(&person.committer),
                "not-the-signers": self.not_the_signers(person),
            }),
        });
        let outcome = self.outcome.as_ref().map(|(state, told)| {
            json!({
                "state": state, "record": told.as_ref().map(Entry::number),
                "by": told.as_ref().and_then(|told| told.some("by")),
            })
        });
        json!({
            "schema": SCHEMA, "record": self.entry().to_json(), "outcome": outcome,
            "objects": objects.collect::<Vec<_>>(), "waivers": self.waivers.iter().map(waiver_json).collect::<Vec<_>>(),
            "paths": self.paths.iter().map(|path| bytes(path)).collect::<Vec<_>>(),
        })
    }

    fn write(&self, output: &mut Output) -> Result<(), Undecided> {
        let entry = self.entry();
        output.line(&format!("record {}: {}", entry.number(), entry.kind()))?;
        let mut line = |what: &str, text: &str| match text {
            "" => Ok(()),
            text => output.line(&format!("  {what:<11}  {text}")),
        };
        let behind = entry.clock_behind().map(|_| {
            format!(" (the server's clock stood at {}, before what was recorded)", crate::ledger::moment(entry.time()))
        });
        line("time", &format!("{}{}", self.summary.time(), behind.unwrap_or_default()))?;
        let of = |key: &str| entry.bytes(key).ok().map(|bytes| shown(&bytes));
        let name = of("name").map(|name| format!(" (`{name}`)")).unwrap_or_default();
        if let Some(repository) = of("repository") {
            line("repository", &format!("{repository}{name}"))?;
        }
        line("ref", &of("ref").unwrap_or_default())?;
        match entry.kind() {
            "decision" => self.write_decision(&mut line)?,
            "moved" => {
                line("recorded", &id(entry, "recorded"))?;
                line("found", &id(entry, "found"))?;
                line("seen by", &text(entry, "by"))?;
            }
            "policy" => {
                line("policy", &of("path").unwrap_or_default())?;
                for key in ["policy", "registry", "former-policy", "former-registry"] {
                    line(key, &text(entry, key))?;
                }
                for sentence in entry.list("weaker").unwrap_or_default() {
                    line("weaker", &escaped(sentence.as_str().unwrap_or_default()))?;
                }
            }
            "outcome" => {
                line("told by", &text(entry, "by"))?;
                let [.., remark] = self.summary.cells();
                line("decisions", &remark)?;
            }
            "adopted" => {
                line("user", &entry.number_of("user").map(|user| user.to_string()).unwrap_or_default())?;
                for adopted in entry.list("refs").unwrap_or_default() {
                    let name = adopted.get("ref").and_then(crate::ledger::bytes_of).unwrap_or_default();
                    let value = adopted.get("value").and_then(Value::as_str).unwrap_or_default();
                    line("ref", &format!("{value}  {}", shown(&name)))?;
                }
            }
            _ => {
                for key in ["origin", "key", "program", "by", "next"] {
                    line(key, &escaped(&text(entry, key)))?;
                }
                let user = entry.some("user").map(ToString::to_string);
                line("user", &user.unwrap_or_default())?;
            }
        }
        if let Ok(Some((list, objects))) = entry.brought() {
            line("brought", &format!("{objects} commits and tags ({list})"))?;
        }
        for (object, person) in self.brought.iter().flat_map(Bringing::objects) {
            self.write_object(&object.to_string(), person, output)?;
        }
        Ok(())
    }

    fn write_decision(&self, line: &mut dyn FnMut(&str, &str) -> Result<(), Undecided>) -> Result<(), Undecided> {
        let entry = self.entry();
        line("old value", &id(entry, "old"))?;
        line("new value", &id(entry, "new"))?;
        line(
            "recorded",
            match text(entry, "recorded").as_str() {
                "same" => "the old value is what was recorded last",
                "other" => "the old value is not what was recorded last: the ref was moved without a decision",
                _ => "nothing was recorded of this ref before",
            },
        )?;
        let done = match &self.outcome {
            Some((state, told)) if state != "refused" => {
                let told = told.as_ref();
                let told = told.map(|told| format!(" (record {}, by {})", told.number(), text(told, "by")));
                let done = match state.as_str() {
                    "completed" => "; done",
                    "failed" => "; git did not do it",
                    _ => "; what became of it is not recorded yet",
                };
                format!("{done}{}", told.unwrap_or_default())
            }
            Some(_) | None => String::new(),
        };
        line("verdict", &format!("{}{done}", text(entry, "verdict")))?;
        line("cause", &escaped(&text(entry, "cause")))?;
        line("pusher", &pusher(entry))?;
        line("via", &text(entry, "via"))?;
        line("push", &format!("begins with record {}", entry.number_of("push").unwrap_or(entry.number())))?;
        if let Some(certificate) = entry.some("certificate").and_then(Value::as_str) {
            let kept = if self.is_certificate_kept { "" } else { " (not kept: the push was not accepted)" };
            line("certificate", &format!("{certificate}{kept}"))?;
        }
        let policies = entry.list("policies").unwrap_or_default();
        for policy in policies {
            let text = |key| policy.get(key).and_then(Value::as_str).unwrap_or_default();
            line("policy", &format!("{} ({})", path_of(policy), text("policy")))?;
            line("registry", text("registry"))?;
        }
        for rule in rules(entry) {
            line("rule", &rule)?;
        }
        for finding in entry.list("findings").unwrap_or_default() {
            let text = |key| escaped(finding.get(key).and_then(Value::as_str).unwrap_or_default());
            line("found", &format!("{} ({}, by rule {})", text("reason"), text("effect"), text("rule")))?;
            for said in finding.get("lines").and_then(Value::as_array).into_iter().flatten() {
                line("", &escaped(said.as_str().unwrap_or_default()))?;
            }
        }
        if let Ok(more) = entry.number_of("findings-left-out") {
            line("found", &format!("and {more} more"))?;
        }
        self.write_emergency(line)?;
        line("taken away", &text(entry, "tip"))?;
        if let Ok(waited) = entry.number_of("waited-ms") {
            line("waited", &format!("{waited} ms for the ledger"))?;
        }
        Ok(())
    }

    /// Approvals, what an emergency waived, and what an approval settles.
    fn write_emergency(&self, line: &mut dyn FnMut(&str, &str) -> Result<(), Undecided>) -> Result<(), Undecided> {
        let entry = self.entry();
        let damaged = |error| Undecided::server(format!("reading record {}", entry.number()), error);
        for approval in entry.approvals().map_err(damaged)? {
            let approved =
                format!("{} ({}), for rule {} ({})", approval.signer, approval.key, approval.rule, approval.tag);
            line("approved by", &escaped(&approved))?;
        }
        for emergency in entry.emergencies().map_err(damaged)? {
            line("emergency", &format!("{}: {}", shown(&emergency.ticket), shown(&emergency.reason)))?;
            if self.waivers.is_empty() {
                line("", "it waived nothing: the push was refused")?;
            }
        }
        for (what, said) in self.waivers.iter().flat_map(waiver_lines) {
            line(what, &escaped(&said))?;
        }
        if let Some(paths) = entry.paths().map_err(damaged)? {
            line("paths", &format!("{} ({})", paths.count, paths.list))?;
            for path in &self.paths {
                line("", &shown(path))?;
            }
        }
        for settled in entry.settles().map_err(damaged)? {
            let settled = format!(
                "what record {} owes for rule {}: {} approves ({})",
                settled.decision, settled.rule, settled.signer, settled.tag
            );
            line("settles", &escaped(&settled))?;
        }
        Ok(())
    }

    fn write_object(&self, object: &str, person: Option<&Person>, output: &mut Output) -> Result<(), Undecided> {
        let Some(person) = person else { return output.line(&format!("    {object}  not judged")) };
        let signer = person.signer.as_deref().map_or_else(|| "-".to_owned(), escaped);
        let key = person.key.as_deref().map_or_else(|| "-".to_owned(), escaped);
        output.line(&format!("    {object}  {}  {signer}  {key}", person.status))?;
        let others = self.not_the_signers(person);
        let who = [("author", &person.author), ("committer", &person.committer)];
        for (what, written) in who {
            let other = if others.contains(&what) { ", which is not the signer's email" } else { "" };
            output.line(&format!("      {what} {}{other}", shown(written)))?;
        }
        Ok(())
    }
}

/// Who pushed, and how that is known.
pub(super) fn pusher(entry: &Entry) -> String {
    let said = |key| entry.some("pusher").and_then(|pusher| pusher.get(key)).and_then(Value::as_str).map(escaped);
    let account = said("account").map(|account| format!(", the server's account `{account}`")).unwrap_or_default();
    match (said("id"), said("unknown")) {
        (Some(id), _) => {
            let how = match said("known-by").as_deref() {
                Some("certificate") => "known by a push certificate",
                Some("sshd") => "known by the key that sshd authenticated",
                _ => "known by the server's word alone",
            };
            format!("{id}, {how}{account}")
        }
        (None, Some(why)) => format!("unknown: {why}{account}"),
        (None, None) => format!("unknown{account}"),
    }
}

/// The rules that matched, and what became of each.
pub(super) fn rules(entry: &Entry) -> Vec<String> {
    let policies = entry.list("policies").unwrap_or_default();
    let rule = |rule: &Value| {
        let text = |key| escaped(rule.get(key).and_then(Value::as_str).unwrap_or_default());
        let place = rule.get("policy").and_then(Value::as_u64).and_then(|place| usize::try_from(place).ok());
        let file = place.and_then(|place| policies.get(place)).map(path_of).unwrap_or_default();
        let number = rule.get("line").map(ToString::to_string).unwrap_or_default();
        let effect = match text("effect").as_str() {
            "satisfied" => "nothing was found",
            "observed" => "something was found, and recorded only",
            "warns" => "something was found, and the pusher told",
            "waived" => "something was found, and an emergency waived it",
            _ => "refused",
        };
        format!("{} ({file}:{number}, {}): {effect}", text("name"), text("mode"))
    };
    entry.list("rules").unwrap_or_default().iter().map(rule).collect()
}

fn path_of(policy: &Value) -> String {
    policy.get("path").and_then(crate::ledger::bytes_of).map(|path| shown(&path)).unwrap_or_default()
}

fn text(entry: &Entry, key: &str) -> String {
    entry.text(key).unwrap_or_default().to_owned()
}

fn id(entry: &Entry, key: &str) -> String {
    match entry.object(key) {
        Ok(Some(id)) => id.to_string(),
        Ok(None) | Err(_) => "none: the ref is not there".to_owned(),
    }
}

/// Of `Name <email>`.
fn email(written: &[u8]) -> Option<&[u8]> {
    let start = written.iter().rposition(|&byte| byte == b'<')?.saturating_add(1);
    written.get(start..)?.strip_suffix(b">")
}
