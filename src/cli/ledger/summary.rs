//! What a record says, on a line.

use crate::{
    Undecided,
    ledger::{Entry, Ledger, bytes_of},
    report::escaped,
};
use serde_json::{Value, json};

/// A record in short.
pub(super) struct Summary {
    pub(super) entry: Entry,
    /// What became of a decision.
    state: Option<String>,
}

impl Summary {
    pub(super) fn of(ledger: &Ledger, entry: Entry) -> Result<Self, Undecided> {
        let state = match entry.kind() {
            "decision" => ledger.state(entry.number())?,
            _ => None,
        };
        Ok(Self { entry, state })
    }

    pub(super) fn time(&self) -> String {
        crate::ledger::moment(self.entry.moment_that_counts())
    }

    /// The repository's name, else the end of its path; escaped.
    pub(super) fn repository(&self) -> Option<String> {
        if let Ok(name) = self.entry.bytes("name") {
            return Some(shown(&name));
        }
        let path = shown(&self.entry.bytes("repository").ok()?);
        let end = path.trim_end_matches("/.git").rsplit('/').next().unwrap_or_default();
        Some(end.strip_suffix(".git").unwrap_or(end).to_owned())
    }

    /// The refs that it is about.
    pub(super) fn refs(&self) -> Vec<Vec<u8>> {
        match self.entry.some("ref").and_then(bytes_of) {
            Some(name) => vec![name],
            None => {
                let adopted = self.entry.list("refs").unwrap_or_default();
                adopted.iter().filter_map(|adopted| adopted.get("ref").and_then(bytes_of)).collect()
            }
        }
    }

    /// The value that a ref had, and the one it gets.
    fn change(&self) -> Option<(Option<String>, Option<String>)> {
        let id = |key| self.entry.object(key).ok().map(|id| id.map(|id| id.to_string()));
        match self.entry.kind() {
            "decision" => Some((id("old")?, id("new")?)),
            "moved" => Some((id("recorded")?, id("found")?)),
            _ => None,
        }
    }

    /// What was decided, and what became of it where that is not plain.
    fn verdict(&self) -> String {
        match (self.entry.text("verdict"), self.state.as_deref()) {
            (Ok("accepted"), Some("completed")) => "accepted".to_owned(),
            (Ok("accepted"), Some("open")) => "accepted (outcome not recorded)".to_owned(),
            (Ok("accepted"), Some("failed")) => "accepted (not done)".to_owned(),
            (Ok(verdict), _) => verdict.to_owned(),
            (Err(_), _) => self.entry.kind().to_owned(),
        }
    }

    fn pusher(&self, key: &str) -> Option<&str> {
        self.entry.some("pusher")?.get(key)?.as_str()
    }

    /// The rules that something was found for, with what became of each.
    fn wanting(&self) -> Vec<(&str, &str)> {
        let rules = self.entry.list("rules").unwrap_or_default().iter();
        rules
            .filter_map(|rule| Some((rule.get("name")?.as_str()?, rule.get("effect")?.as_str()?)))
            .filter(|(_, effect)| *effect != "satisfied")
            .collect()
    }

    /// What else there is to say.
    fn remark(&self) -> String {
        let entry = &self.entry;
        let text = |key| entry.text(key).unwrap_or_default().to_owned();
        match entry.kind() {
            "decision" => {
                let rules = self.wanting().into_iter().map(|(name, effect)| match effect {
                    "refuses" => escaped(name),
                    _ => format!("{} ({effect})", escaped(name)),
                });
                let rules = rules.collect::<Vec<_>>().join(", ");
                if rules.is_empty() { text("cause") } else { rules }
            }
            "outcome" => {
                let of = |key: &str| {
                    let ranges = entry.ranges(key).unwrap_or_default().into_iter();
                    let numbers = ranges.map(|range| match range.start() == range.end() {
                        true => range.start().to_string(),
                        false => format!("{} to {}", range.start(), range.end()),
                    });
                    numbers.collect::<Vec<_>>().join(", ")
                };
                let parts = [("completed", of("completed")), ("failed", of("failed"))];
                let parts = parts.into_iter().filter(|(_, of)| !of.is_empty());
                parts.map(|(what, of)| format!("{what}: {of}")).collect::<Vec<_>>().join("; ")
            }
            "moved" => format!("without a decision, seen by {}", text("by")),
            "policy" => shown(&entry.bytes("path").unwrap_or_default()),
            "adopted" => {
                let objects = entry.brought().ok().flatten().map_or(0, |(_, objects)| objects);
                format!("{objects} objects")
            }
            "opened" => text("origin"),
            "rotated" => text("key"),
            _ => text("next"),
        }
    }

    /// The cells of a line, none with anything that acts on a terminal.
    pub(super) fn cells(&self) -> [String; COLUMNS] {
        let dash = || "-".to_owned();
        let refs = self.refs();
        let name = match refs.as_slice() {
            [] => dash(),
            [name] => shown(name),
            [name, others @ ..] => format!("{} and {} more", shown(name), others.len()),
        };
        let short = |id: &Option<String>| match id {
            Some(id) => id.chars().take(7).collect(),
            None => "0000000".to_owned(),
        };
        let change = self.change().map_or_else(dash, |(old, new)| format!("{}..{}", short(&old), short(&new)));
        let pusher = match (self.pusher("id"), self.pusher("account")) {
            (Some(id), _) => escaped(id),
            (None, Some(account)) => format!("({})", escaped(account)),
            (None, None) => dash(),
        };
        [
            self.entry.number().to_string(),
            self.time(),
            self.repository().unwrap_or_else(dash),
            name,
            change,
            self.verdict(),
            pusher,
            escaped(&self.remark()),
        ]
    }

    pub(super) fn to_json(&self) -> Value {
        let refs: Vec<_> = self.refs().iter().map(|name| crate::ledger::bytes(name)).collect();
        let (old, new) = self.change().unwrap_or_default();
        let rules = self.wanting().into_iter().map(|(name, effect)| json!({ "name": name, "effect": effect }));
        json!({
            "number": self.entry.number(), "time": self.time(), "type": self.entry.kind(),
            "repository": self.entry.some("repository"), "name": self.entry.some("name"), "refs": refs,
            "old": old, "new": new, "verdict": self.entry.some("verdict"), "state": self.state,
            "pusher": self.pusher("id"), "account": self.pusher("account"), "rules": rules.collect::<Vec<_>>(),
        })
    }
}

/// How many columns a line has.
pub(super) const COLUMNS: usize = 8;

/// The columns' heads.
pub(super) const HEADS: [&str; COLUMNS] =
    ["RECORD", "TIME", "REPOSITORY", "REF", "CHANGE", "VERDICT", "PUSHER", "FOUND WANTING"];

/// Bytes that somebody else chose, for people to read.
pub(super) fn shown(bytes: &[u8]) -> String {
    escaped(&String::from_utf8_lossy(bytes))
}
