//! What becomes weaker, and what stricter, from one policy to another. What cannot be told is `Changed`: nothing that may
//! accept more is ever called stricter, or left out.

use super::{
    compile::{Policy, Unmatched},
    rule::{Mode, Rule},
    rules::Requirement,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// One thing that a requirement is set to, in a form that can be compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setting {
    /// As in the policy, such as `by`.
    pub key: &'static str,
    /// What it is set to.
    pub value: Strictness,
}

/// A value, and which other values are stricter. Values of two variants cannot be compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Strictness {
    /// Anything will do, in a word: every other value is stricter.
    Any(String),
    /// Nothing is allowed, in a word: every other value is weaker.
    Nothing(String),
    /// Ranked: the higher refuses all that the lower refuses. With its word.
    Rank(i64, String),
    /// What is allowed: a part of it is stricter.
    Allowed(BTreeSet<String>),
    /// What is asked or looked at: a part of it is weaker.
    Asked(BTreeSet<String>),
    /// Nothing can be said but whether it is the same.
    Unordered(String),
}

impl Setting {
    /// A key that allows something with `true`.
    pub fn allows(key: &'static str, allowed: bool) -> Self {
        Self { key, value: Strictness::Rank(i64::from(!allowed), allowed.to_string()) }
    }

    /// A key that asks something with `true`.
    pub fn asks(key: &'static str, asked: bool) -> Self {
        Self { key, value: Strictness::Rank(i64::from(asked), asked.to_string()) }
    }
}

/// Which way a difference goes. In the order in which they are told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Direction {
    /// More is accepted.
    Weaker,
    /// More may be accepted: that cannot be told.
    Changed,
    /// Only less is accepted.
    Stricter,
    /// What is accepted stays the same.
    Neutral,
}

impl Direction {
    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Weaker => "weaker",
            Self::Changed => "changed",
            Self::Stricter => "stricter",
            Self::Neutral => "neutral",
        }
    }
}

/// One difference.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Difference {
    /// Which way.
    pub direction: Direction,
    /// The rule, by its new name; `None`: the whole policy.
    pub rule: Option<String>,
    /// The key, such as `signatures.by`; of a whole rule, `rule`.
    pub key: String,
    /// Before, if it was there.
    pub old: Option<String>,
    /// After, if it is there.
    pub new: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { direction, rule, key, old, new } = self;
        let rule = rule.as_ref().map(|name| format!("rule `{name}`: ")).unwrap_or_default();
        let change = match (old, new) {
            (Some(old), Some(new)) => format!("`{old}` becomes `{new}`"),
            (None, Some(new)) => format!("new: {new}"),
            (Some(old), None) => format!("gone: {old}"),
            (None, None) => String::new(),
        };
        write!(f, "{}: {rule}{key}: {change}", direction.word())
    }
}

/// All differences, the weaker first.
pub fn differences(old: &Policy, new: &Policy) -> Vec<Difference> {
    let mut found = Vec::new();
    let unmatched = |policy: &Policy| match policy.unmatched {
        Unmatched::Accept => Strictness::Rank(0, "accept".into()),
        Unmatched::Refuse => Strictness::Rank(1, "refuse".into()),
    };
    compare(None, "unmatched-refs", Some(&unmatched(old)), Some(&unmatched(new)), &mut found);
    let server = |policy: &Policy| match policy.server {
        Some(server) => Strictness::Unordered(server.name().to_owned()),
        None => Strictness::Unordered("none".to_owned()),
    };
    compare(None, "server", Some(&server(old)), Some(&server(new)), &mut found);
    compare(None, "registry", Some(&registry(old)), Some(&registry(new)), &mut found);
    compare(None, "repositories-root", Some(&root(old)), Some(&root(new)), &mut found);
    compare(None, "ledger", Some(&ledger(old)), Some(&ledger(new)), &mut found);
    let required = |policy: &Policy| Strictness::Asked(policy.registry.required.iter().cloned().collect());
    compare(None, "registry-require", Some(&required(old)), Some(&required(new)), &mut found);
    // Where unmatched refs are refused, a rule that matches more lets more in.
    let more_is_stricter = old.unmatched == Unmatched::Accept;
    let pairs = pairs(old, new);
    for (before, after) in &pairs {
        rule_differences(before, after, more_is_stricter, &mut found);
    }
    for rule in old.rules.iter().filter(|rule| !pairs.iter().any(|(before, _)| before.name == rule.name)) {
        let direction = if rule.mode == Mode::Off { Direction::Neutral } else { Direction::Weaker };
        found.push(whole_rule(direction, rule, Some(rule.scope()), None));
    }
    for rule in new.rules.iter().filter(|rule| !pairs.iter().any(|(_, after)| after.name == rule.name)) {
        let direction = match rule.mode {
            Mode::Off => Direction::Neutral,
            Mode::Enforce | Mode::Warn | Mode::Observe if more_is_stricter && !rule.names_replace_refs() => {
                Direction::Stricter
            }
            Mode::Enforce | Mode::Warn | Mode::Observe => Direction::Changed,
        };
        found.push(whole_rule(direction, rule, None, Some(rule.scope())));
    }
    found.sort();
    found
}

fn registry(policy: &Policy) -> Strictness {
    Strictness::Unordered(policy.registry.path.display().to_string())
}

/// Another ledger knows nothing of what was received so far.
fn ledger(policy: &Policy) -> Strictness {
    let path = policy.ledger.as_ref().map(|path| path.display().to_string());
    Strictness::Unordered(path.unwrap_or_else(|| "/var/lib/countersign".to_owned()))
}

fn root(policy: &Policy) -> Strictness {
    Strictness::Unordered(policy.repositories_root.as_ref().map(|root| root.display().to_string()).unwrap_or_default())
}

/// Rules of the same name; then, of those left, of the same scope: such a rule was renamed.
fn pairs<'a>(old: &'a Policy, new: &'a Policy) -> Vec<(&'a Rule, &'a Rule)> {
    let named = |policy: &'a Policy, name: &str| policy.rules.iter().find(|rule| rule.name == name);
    let mut pairs: Vec<_> = old.rules.iter().filter_map(|before| Some((before, named(new, &before.name)?))).collect();
    for before in old.rules.iter().filter(|rule| named(new, &rule.name).is_none()) {
        let renamed = new.rules.iter().find(|after| {
            let taken = pairs.iter().any(|(_, taken)| taken.name == after.name);
            !taken && named(old, &after.name).is_none() && after.scope() == before.scope()
        });
        pairs.extend(renamed.map(|after| (before, after)));
    }
    pairs
}

fn whole_rule(direction: Direction, rule: &Rule, old: Option<String>, new: Option<String>) -> Difference {
    Difference { direction, rule: Some(rule.name.clone()), key: "rule".into(), old, new }
}

fn rule_differences(old: &Rule, new: &Rule, more_is_stricter: bool, found: &mut Vec<Difference>) {
    if old.name != new.name {
        let names = (Some(old.name.clone()), Some(new.name.clone()));
        found.push(Difference { key: "name".into(), ..whole_rule(Direction::Neutral, new, names.0, names.1) });
    }
    let (before, after) = (old.own_settings(), new.own_settings());
    let mut own = Vec::new();
    for (key, value) in &before {
        compare(Some(new), key, Some(value), after.get(key), &mut own);
    }
    let covers = ["refs", "except-refs", "repositories", "except-repositories", "mode"];
    for difference in &mut own {
        let is_risky = !more_is_stricter || new.names_replace_refs();
        if difference.direction == Direction::Stricter && is_risky && covers.contains(&difference.key.as_str()) {
            difference.direction = Direction::Changed;
        }
    }
    found.append(&mut own);
    let (before, after) = (settings(&old.requirements), settings(&new.requirements));
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for key in keys {
        compare(Some(new), key, before.get(key), after.get(key), found);
    }
}

fn settings(requirements: &[Requirement]) -> BTreeMap<String, Strictness> {
    let each = requirements.iter().flat_map(|requirement| {
        let kind = requirement.key();
        requirement.settings().into_iter().map(move |setting| (format!("{kind}.{}", setting.key), setting.value))
    });
    each.collect()
}

/// A requirement that is new refuses more, one that is gone less.
fn compare(
    rule: Option<&Rule>,
    key: &str,
    old: Option<&Strictness>,
    new: Option<&Strictness>,
    found: &mut Vec<Difference>,
) {
    let direction = match (old, new) {
        (None, None) => return,
        (Some(old), Some(new)) if old == new => return,
        (None, Some(_)) => Direction::Stricter,
        (Some(_), None) => Direction::Weaker,
        (Some(old), Some(new)) => old.towards(new),
    };
    let said = |value: Option<&Strictness>| value.map(Strictness::described);
    found.push(Difference {
        direction,
        rule: rule.map(|rule| rule.name.clone()),
        key: key.to_owned(),
        old: said(old),
        new: said(new),
    });
}

impl Strictness {
    fn towards(&self, new: &Self) -> Direction {
        match (self, new) {
            (Self::Any(_), Self::Any(_)) => Direction::Neutral,
            (Self::Nothing(_), Self::Nothing(_)) => Direction::Neutral,
            (Self::Any(_), _) | (_, Self::Nothing(_)) => Direction::Stricter,
            (_, Self::Any(_)) | (Self::Nothing(_), _) => Direction::Weaker,
            (Self::Rank(old, _), Self::Rank(new, _)) if new > old => Direction::Stricter,
            (Self::Rank(old, _), Self::Rank(new, _)) if new < old => Direction::Weaker,
            (Self::Allowed(old), Self::Allowed(new)) | (Self::Asked(new), Self::Asked(old)) if new.is_subset(old) => {
                Direction::Stricter
            }
            (Self::Allowed(old), Self::Allowed(new)) | (Self::Asked(new), Self::Asked(old)) if new.is_superset(old) => {
                Direction::Weaker
            }
            (Self::Rank(..) | Self::Allowed(_) | Self::Asked(_) | Self::Unordered(_), _) => Direction::Changed,
        }
    }

    fn described(&self) -> String {
        match self {
            Self::Any(word) | Self::Nothing(word) | Self::Rank(_, word) | Self::Unordered(word) => word.clone(),
            Self::Allowed(set) | Self::Asked(set) => {
                let words: Vec<_> = set.iter().map(String::as_str).collect();
                format!("[{}]", words.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{document::Groups, policy::compile};

    fn found(unmatched: &str, old: &str, new: &str) -> Vec<String> {
        let policy = |lines: &str| {
            let head = format!("version = 1\nunmatched-refs = '{unmatched}'\n[groups]\ndev = ['alice', 'bob']\n");
            let rule = format!("[[rule]]\nname = 'main'\nrefs = ['refs/heads/main']\n{lines}\n");
            compile(&(head + &rule), &Groups::new()).unwrap()
        };
        let found = differences(&policy(old), &policy(new));
        found.iter().map(|difference| format!("{} {}", difference.direction.word(), difference.key)).collect()
    }

    #[test]
    fn each_key_says_which_way_it_went_and_back() {
        for (weak, strict, key) in [
            ("updates = { delete = true }", "", "updates.delete"),
            ("", "updates = { create = false }", "updates.create"),
            ("mode = 'warn'", "", "mode"),
            ("warn-until = 2030-01-01", "", "warn-until"),
            ("warn-until = 2031-01-01", "warn-until = 2030-01-01", "warn-until"),
            ("baseline = ['1111111111111111111111111111111111111111']", "", "baseline"),
            ("except-refs = ['refs/heads/m*']", "", "except-refs"),
            ("signatures = { commits = 'tip' }", "signatures = { commits = 'all' }", "signatures.commits"),
            (
                "signatures = { commits = 'all', by = ['@dev'] }",
                "signatures = { commits = 'all', by = ['alice'] }",
                "signatures.by",
            ),
            ("tags = { annotated = true }", "tags = { annotated = true, name-matches-ref = true }", ""),
        ] {
            let of = |direction: &str| match key {
                "" => Vec::new(),
                key => vec![format!("{direction} {key}")],
            };
            assert_eq!(found("accept", weak, strict), of("stricter"), "{weak}");
            assert_eq!(found("accept", strict, weak), of("weaker"), "{weak}");
        }
    }

    #[test]
    fn terms_are_told_in_the_words_of_a_policy() {
        let policy = |grace: &str| {
            let rule =
                format!("signatures = {{ commits = 'all', grace = '{grace}' }}\nidentity = {{ committer = 'signer' }}");
            let head = "version = 1\nunmatched-refs = 'accept'\n[[rule]]\nname = 'main'\nrefs = ['HEAD']\n";
            compile(&(head.to_owned() + &rule), &Groups::new()).unwrap()
        };
        let found = differences(&policy("1h"), &policy("2h"));
        let told: Vec<_> = found.iter().map(|one| (&*one.key, one.old.as_deref(), one.new.as_deref())).collect();
        let expected = [
            (
                "terms of other requirements",
                Some("verify-time receipt, grace 3600 s, forge refuse"),
                Some("verify-time receipt, grace 7200 s, forge refuse"),
            ),
            ("signatures.grace", Some("1 hour"), Some("2 hours")),
        ];
        assert!(told.len() == 2 && expected.iter().all(|one| told.contains(one)), "{told:?}");
    }

    #[test]
    fn what_cannot_be_told_is_changed() {
        for (old, new, key) in [
            ("signatures = { commits = 'all' }", "signatures = { commits = 'first-parent' }", "signatures.commits"),
            (
                "signatures = { commits = 'all' }",
                "signatures = { commits = 'all', by = ['release-bot'] }",
                "signatures.by",
            ),
            ("repositories = ['a']", "", "repositories"),
        ] {
            assert_eq!(found("accept", old, new), [format!("changed {key}")]);
        }
        // The rule now matches what no rule matched, and that was refused.
        assert_eq!(found("refuse", "mode = 'off'", "mode = 'warn'"), ["changed mode"]);
        assert_eq!(found("accept", "mode = 'off'", "mode = 'warn'"), ["stricter mode"]);
    }
}
