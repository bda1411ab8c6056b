//! From the source of a policy to a [`Policy`], or to every mistake in it.

use super::{
    glob::Globs,
    rule::{Mode, Rule},
    rules::{self, Requirement},
    server::Server,
    who::{EVERYONE, unknown_group},
};
use crate::{
    document::{Document, Groups, Mention, Problem, Reader, Value, What},
    push::Timestamp,
    registry::{Registry, SignerId},
};
use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    path::PathBuf,
};

/// A policy without mistakes.
#[derive(Debug)]
pub struct Policy {
    /// What becomes of refs that no rule matches.
    pub unmatched: Unmatched,
    /// Whose environment is believed; `None`: nobody's.
    pub server: Option<Server>,
    /// The folder below which a repository's path is its name; as written, relative to the policy's file.
    pub repositories_root: Option<PathBuf>,
    /// Where a pusher learns more, printed in refusals.
    pub help: Option<String>,
    /// Where the registry is, and what it must have.
    pub registry: RegistryFolder,
    /// The ledger's folder, as written, relative to the policy's file; `None`: the default one.
    pub ledger: Option<PathBuf>,
    /// In the order of the file.
    pub rules: Vec<Rule>,
    /// Every person named, with the line.
    mentions: Vec<(String, usize)>,
    /// Its own groups that no list names, each with its line.
    pub(super) unused_groups: Vec<(String, usize)>,
}

/// What becomes of refs that no rule matches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unmatched {
    /// They are accepted.
    Accept,
    /// They are refused.
    Refuse,
}

/// Where a policy's registry is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegistryFolder {
    /// As written, relative to the policy's file.
    pub path: PathBuf,
    /// Parts that have to be there.
    pub required: Vec<String>,
    /// The ledger's folder, as written.
    pub ledger: Option<PathBuf>,
}

/// The parts that `registry-require` may name, and those of later versions.
const PARTS: &[&str] = &["allowed_signers", "revoked_keys", "openpgp", "signers.toml"];
const LATER_PARTS: &[&str] = &["x509", "sigstore"];

/// A look ahead at which registry the policy is to be compiled with; mistakes in it are told by [`compile`].
pub fn registry_folder(document: &Document<'_>) -> RegistryFolder {
    let text = |key: &str| document.tree().get(key).and_then(|value| value.get_ref().as_str());
    let required = document.tree().get("registry-require").and_then(|value| value.get_ref().as_array());
    RegistryFolder {
        path: PathBuf::from(text("registry").unwrap_or("registry")),
        required: required
            .into_iter()
            .flat_map(|list| list.iter())
            .filter_map(|part| part.get_ref().as_str().map(str::to_owned))
            .collect(),
        ledger: document
            .tree()
            .get("ledger")
            .and_then(|ledger| ledger.get_ref().as_table()?.get("path")?.get_ref().as_str().map(PathBuf::from)),
    }
}

/// Reads a policy. `members`: whom the registry puts into which group.
///
/// # Errors
/// All mistakes, in the order of the file.
pub fn compile(source: &str, members: &Groups) -> Result<Policy, Vec<Problem>> {
    compile_parsed(source, &Document::parse(source), members)
}

/// The same of a source that was parsed already.
///
/// # Errors
/// Those of [`compile`].
pub fn compile_parsed(source: &str, document: &Document<'_>, members: &Groups) -> Result<Policy, Vec<Problem>> {
    let groups = all_groups(document, members);
    document.read(&groups, |fields| {
        fields.required("version", |value, reader| reader.whole(value, 1..=1));
        let unmatched = fields.required("unmatched-refs", |value, reader| {
            reader.choice(value, &[("accept", Unmatched::Accept), ("refuse", Unmatched::Refuse)])
        });
        fields.optional("registry", |value, reader| reader.text(value).map(drop));
        fields.optional("registry-require", |value, reader| reader.list(value, read_part));
        let server = fields.optional("server", Server::read);
        let repositories_root =
            fields.optional("repositories-root", |value, reader| reader.text(value).map(PathBuf::from));
        let help = fields.optional("help", |value, reader| reader.text(value).map(str::to_owned));
        let ledger = fields.optional("ledger", read_ledger);
        fields.optional("groups", read_groups);
        let rules = if fields.has("rule") {
            let mut names = Names::new();
            fields.required("rule", |value, reader| {
                reader.list(value, |value, reader| read_rule(value, source, server, &mut names, reader))
            })
        } else {
            Some(Vec::new())
        };
        let mentions = fields.reader.take_mentions();
        Some(Policy {
            unmatched: unmatched?,
            server,
            repositories_root,
            help,
            registry: registry_folder(document),
            ledger: ledger.flatten(),
            rules: rules?,
            unused_groups: unused_groups(document, source),
            mentions: mentions.into_iter().map(|Mention { name, place }| (name, line(source, place.start))).collect(),
        })
    })
}

/// What `@name` may stand for: the policy's own groups, and those that the registry's people are put into.
fn all_groups(document: &Document<'_>, members: &Groups) -> Groups {
    let mut groups = members.clone();
    let own = document.tree().get("groups").and_then(|groups| groups.get_ref().as_table());
    for (name, value) in own.into_iter().flat_map(|table| table.iter()) {
        let name: &str = name.get_ref();
        let listed = value.get_ref().as_array().into_iter().flat_map(|list| list.iter());
        let listed = listed.filter_map(|member| member.get_ref().as_str().map(str::to_owned));
        groups.entry(name.to_owned()).or_default().extend(listed);
    }
    groups
}

/// Its own groups whose `@name` stands nowhere.
fn unused_groups(document: &Document<'_>, source: &str) -> Vec<(String, usize)> {
    let mut named = HashSet::new();
    document.tree().iter().for_each(|(_, value)| add_group_names(value, &mut named));
    let own = document.tree().get("groups").and_then(|groups| groups.get_ref().as_table());
    let unused = own.into_iter().flat_map(|table| table.iter()).filter(|(name, _)| !named.contains(&**name.get_ref()));
    unused.map(|(name, _)| (name.get_ref().to_string(), line(source, name.span().start))).collect()
}

fn add_group_names<'v>(value: &'v Value<'_>, names: &mut HashSet<&'v str>) {
    let value = value.get_ref();
    names.extend(value.as_str().and_then(|text| text.strip_prefix('@')));
    value.as_array().into_iter().flat_map(|list| list.iter()).for_each(|value| add_group_names(value, names));
    value.as_table().into_iter().flat_map(|table| table.iter()).for_each(|(_, value)| add_group_names(value, names));
}

fn read_groups(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<()> {
    let Some(table) = value.get_ref().as_table() else { return reader.wrong_type(value, "a table") };
    for (name, members) in table.iter() {
        let name: &str = name.get_ref();
        reader.list(members, |value, reader| {
            let member = reader.text(value)?;
            match member.strip_prefix('@') {
                Some(group) if !reader.groups().contains_key(group) => unknown_group(group, value, reader),
                Some(_) => {}
                None if member == EVERYONE => {}
                None => reader.mention(member, value.span()),
            }
            Some(())
        });
        if let Some(path) = way_back(name, reader.groups()) {
            reader.problem(members.span(), What::GroupInItself { path });
        }
    }
    Some(())
}

/// The way from a group over its members back to itself, if there is one.
fn way_back(name: &str, groups: &Groups) -> Option<Vec<String>> {
    let mut came_from: HashMap<&str, &str> = HashMap::new();
    let mut waiting = vec![name];
    while let Some(group) = waiting.pop() {
        let inner = groups.get(group).into_iter().flatten().filter_map(|member| member.strip_prefix('@'));
        for inner in inner {
            if inner == name {
                let mut path = vec![name.to_owned()];
                let mut at = group;
                while at != name {
                    path.push(at.to_owned());
                    at = came_from.get(at).copied().unwrap_or(name);
                }
                path.push(name.to_owned());
                path.reverse();
                return Some(path);
            }
            if !came_from.contains_key(inner) {
                came_from.insert(inner, group);
                waiting.push(inner);
            }
        }
    }
    None
}

fn read_part(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<()> {
    if let Some(later) = value.get_ref().as_str().filter(|part| LATER_PARTS.contains(part)) {
        reader.not_supported(value, later);
        return None;
    }
    let parts: Vec<_> = PARTS.iter().map(|&part| (part, ())).collect();
    reader.choice(value, &parts)
}

/// The table `[ledger]`: where its folder is.
#[expect(clippy::option_option, reason = "whether it could be read, and whether it names a folder")]
fn read_ledger(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Option<PathBuf>> {
    reader.table(value, |fields| Some(fields.optional("path", |value, reader| reader.text(value).map(PathBuf::from))))
}

/// The rules' names so far, each with its first place.
type Names = HashMap<String, Range<usize>>;

fn read_rule(
    value: &Value<'_>,
    source: &str,
    server: Option<Server>,
    names: &mut Names,
    reader: &mut Reader<'_>,
) -> Option<Rule> {
    let read_repositories: fn(&Value<'_>, &mut Reader<'_>) -> Option<Globs> =
        match server.is_some_and(Server::ignores_case_of_repositories) {
            true => Globs::read_names_of_any_case,
            false => Globs::read_names,
        };
    reader.table(value, |fields| {
        let line = line(source, fields.place().start);
        let name = fields.required("name", |value, reader| read_rule_name(value, names, reader));
        let refs = fields.required("refs", Globs::read_refs_or_head);
        let except_refs = fields.optional("except-refs", Globs::read_refs_or_head);
        let repositories = fields.optional("repositories", read_repositories);
        let except_repositories = fields.optional("except-repositories", read_repositories);
        let mode = fields.optional("mode", |value, reader| {
            let modes =
                [("enforce", Mode::Enforce), ("warn", Mode::Warn), ("observe", Mode::Observe), ("off", Mode::Off)];
            reader.choice(value, &modes)
        });
        let warn_until = fields.optional("warn-until", |value, reader| reader.moment(value));
        let baselines =
            fields.optional("baseline", |value, reader| reader.list(value, |value, reader| reader.object_id(value)));
        let baseline_received = fields.optional("baseline-received", |value, reader| reader.moment(value));
        let requirements = rules::read_all(fields);
        rules::check_together(&requirements, fields);
        let mut baselines = baselines.unwrap_or_default();
        baselines.sort();
        baselines.dedup();
        Some(Rule {
            name: name?,
            line,
            mode: mode.unwrap_or(Mode::Enforce),
            warn_until,
            baselines,
            baseline_received,
            terms: requirements.iter().find_map(Requirement::terms).unwrap_or_default(),
            requirements,
            refs: refs?,
            except_refs,
            repositories,
            except_repositories,
        })
    })
}

/// A name that is used twice is a problem, whatever else is wrong with its rules.
fn read_rule_name(value: &Value<'_>, names: &mut Names, reader: &mut Reader<'_>) -> Option<String> {
    let name = reader.text(value)?.to_owned();
    match names.get(&name) {
        Some(first) => {
            reader
                .problem(value.span(), What::Duplicate { sort: "rule name", name: name.clone(), first: first.clone() });
        }
        None => drop(names.insert(name.clone(), value.span())),
    }
    Some(name)
}

/// Counted from one.
fn line(source: &str, offset: usize) -> usize {
    let before = source.as_bytes().get(..offset).unwrap_or(source.as_bytes());
    memchr::memchr_iter(b'\n', before).count() + 1
}

impl Policy {
    /// Whether one of these rules has a pattern that names replacement refs literally.
    pub fn names_replace_refs(&self, rules: &[usize]) -> bool {
        let mut rules = rules.iter().filter_map(|&rule| self.rules.get(rule));
        rules.any(|rule| rule.refs.begin_literally("refs/replace/"))
    }

    /// Names in lists of people that are nobody's id or email, each with its line.
    pub fn unknown_people(&self, registry: &Registry) -> Vec<(&str, usize)> {
        let unknown = self.mentions.iter().filter(|(name, _)| registry.named(name).is_empty());
        unknown.map(|(name, line)| (name.as_str(), *line)).collect()
    }

    /// Names in lists of people that are only those of signers who have left by then, each with its line.
    pub fn people_who_left(&self, registry: &Registry, now: Timestamp) -> Vec<(&str, usize)> {
        let has_left =
            |id: &SignerId| registry.signer(id).and_then(|signer| signer.until).is_some_and(|until| until <= now);
        let left = self.mentions.iter().filter(|(name, _)| {
            let named = registry.named(name);
            !named.is_empty() && named.iter().all(has_left)
        });
        left.map(|(name, line)| (name.as_str(), *line)).collect()
    }
}

#[cfg(test)]
mod tests;
