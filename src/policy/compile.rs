//! From the source of a policy to a [`Policy`], or to every mistake in it.

use super::{
    diff::Strictness,
    facts::{Terms, Via},
    glob::Globs,
    rules::{self, Requirement},
    server::Server,
    who::{EVERYONE, unknown_group},
};
use crate::{
    document::{Document, Groups, Mention, Problem, Reader, Value, What},
    push::{ObjectId, Timestamp},
    registry::{Registry, SignerId},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
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

/// One `[[rule]]`.
#[derive(Debug)]
pub struct Rule {
    /// What a refusal names; unique.
    pub name: String,
    /// Where it stands, counted from one.
    pub line: usize,
    /// How it acts, but for `warn_until`.
    pub mode: Mode,
    /// Before this moment, `enforce` acts as `warn`.
    pub warn_until: Option<Timestamp>,
    /// These commits and their ancestors are trusted unread. Sorted, nothing twice.
    pub baselines: Vec<ObjectId>,
    /// What it asks.
    pub requirements: Vec<Requirement>,
    /// On which terms it takes a commit for its signer's.
    pub terms: Terms,
    pub(super) refs: Globs,
    pub(super) except_refs: Option<Globs>,
    pub(super) repositories: Option<Globs>,
    pub(super) except_repositories: Option<Globs>,
}

/// How a rule acts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// It refuses.
    Enforce,
    /// It tells, and refuses nothing.
    Warn,
    /// It is recorded only.
    Observe,
    /// It matches nothing.
    Off,
}

/// Where a policy's registry is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegistryFolder {
    /// As written, relative to the policy's file.
    pub path: PathBuf,
    /// Parts that have to be there.
    pub required: Vec<String>,
}

/// The parts that `registry-require` may name, and those of later versions.
const PARTS: &[&str] = &["allowed_signers", "revoked_keys", "openpgp", "signers.toml"];
const LATER_PARTS: &[&str] = &["x509", "sigstore"];

/// A look ahead at which registry the policy is to be compiled with; mistakes in it are told by [`compile`].
pub fn registry_folder(source: &str) -> RegistryFolder {
    let document = Document::parse(source);
    let text = |key: &str| document.tree().get(key).and_then(|value| value.get_ref().as_str());
    let required = document.tree().get("registry-require").and_then(|value| value.get_ref().as_array());
    RegistryFolder {
        path: PathBuf::from(text("registry").unwrap_or("registry")),
        required: required
            .into_iter()
            .flat_map(|list| list.iter())
            .filter_map(|part| part.get_ref().as_str().map(str::to_owned))
            .collect(),
    }
}

/// Reads a policy. `members`: whom the registry puts into which group.
///
/// # Errors
/// All mistakes, in the order of the file.
pub fn compile(source: &str, members: &Groups) -> Result<Policy, Vec<Problem>> {
    let document = Document::parse(source);
    let groups = all_groups(&document, members);
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
        fields.not_supported(&["ledger"]);
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
            registry: registry_folder(source),
            rules: rules?,
            unused_groups: unused_groups(&document, source),
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
        fields.not_supported(&["baseline-received", "review", "emergency"]);
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
    source.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
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

/// In UTC; for one that no calendar has, its seconds.
fn moment(moment: Timestamp) -> String {
    jiff::Timestamp::from_second(moment.0).map_or_else(|_| moment.0.to_string(), |moment| moment.to_string())
}

impl Rule {
    /// Whether it matches a ref of any of these names. A repository whose name is unknown (`None`) matches every rule.
    pub fn matches(&self, names: &[&[u8]], default_branch: Option<&[u8]>, repository: Option<&[u8]>) -> bool {
        let of_repository = repository.is_none_or(|name| {
            self.repositories.as_ref().is_none_or(|globs| globs.matches(name))
                && !self.except_repositories.as_ref().is_some_and(|globs| globs.matches(name))
        });
        self.mode != Mode::Off
            && of_repository
            && names.iter().any(|name| {
                self.refs.matches_ref(name, default_branch)
                    && !self.except_refs.as_ref().is_some_and(|globs| globs.matches_ref(name, default_branch))
            })
    }

    /// Whether one of its patterns names replacement refs literally.
    pub fn names_replace_refs(&self) -> bool {
        self.refs.begin_literally("refs/replace/")
    }

    /// What it is set to but for its requirements, to be compared; the keys are the same for every rule.
    pub fn own_settings(&self) -> BTreeMap<&'static str, Strictness> {
        let mode = match self.mode {
            Mode::Off => (0, "off"),
            Mode::Observe => (1, "observe"),
            Mode::Warn => (2, "warn"),
            Mode::Enforce => (3, "enforce"),
        };
        let until = match self.warn_until {
            Some(until) => Strictness::Rank(until.0.saturating_neg(), moment(until)),
            None => Strictness::Rank(i64::MAX, "none".into()),
        };
        // A rule for named repositories against one for all: which are there is not known here.
        let repositories = match &self.repositories {
            Some(globs) => Strictness::Asked(globs.written()),
            None => Strictness::Unordered("all".into()),
        };
        let except =
            |globs: &Option<Globs>| Strictness::Allowed(globs.as_ref().map(Globs::written).unwrap_or_default());
        BTreeMap::from([
            ("refs", Strictness::Asked(self.refs.written())),
            ("except-refs", except(&self.except_refs)),
            ("repositories", repositories),
            ("except-repositories", except(&self.except_repositories)),
            ("mode", Strictness::Rank(mode.0, mode.1.into())),
            ("warn-until", until),
            ("baseline", Strictness::Allowed(self.baselines.iter().map(ToString::to_string).collect())),
            ("terms of other requirements", Strictness::Unordered(self.terms_beside_signatures())),
        ])
    }

    /// The terms, where another requirement than `signatures`, which tells its own, may go by them.
    fn terms_beside_signatures(&self) -> String {
        let others = self.requirements.iter().filter(|requirement| {
            !matches!(requirement, Requirement::Signatures(_) | Requirement::Tags(_) | Requirement::Updates(_))
        });
        if others.count() == 0 {
            return String::new();
        }
        let (verify_time, forge) = (self.terms.verify_time_name(), self.terms.forge_name());
        format!("verify-time {verify_time}, grace {} s, forge {forge}", self.terms.grace)
    }

    /// How it acts at a moment.
    pub fn mode_at(&self, now: Timestamp) -> Mode {
        match self.mode {
            Mode::Enforce if self.warn_until.is_some_and(|until| now < until) => Mode::Warn,
            mode @ (Mode::Enforce | Mode::Warn | Mode::Observe | Mode::Off) => mode,
        }
    }

    /// From when on it refuses, for one that only warns till then.
    pub fn enforced_from(&self) -> Option<Timestamp> {
        self.warn_until.filter(|_| self.mode == Mode::Enforce)
    }

    /// Whether it asks something of tags alone, and none of its patterns can match one.
    pub fn asks_tags_in_vain(&self) -> bool {
        self.requirements.iter().any(|requirement| matches!(requirement, Requirement::Tags(_)))
            && !self.refs.may_begin("refs/tags/")
    }

    /// Whether commits have to be signed.
    pub fn asks_for_signatures(&self) -> bool {
        self.requirements.iter().any(|requirement| {
            matches!(requirement, Requirement::Signatures(_))
                || matches!(requirement, Requirement::Identity(identity) if identity.asks_for_signers())
        })
    }

    /// Whether anything it asks depends on who pushes.
    pub fn asks_who_pushed(&self) -> bool {
        self.requirements.iter().any(|requirement| match requirement {
            Requirement::Updates(updates) => updates.asks_who_pushed(),
            Requirement::Pusher(pusher) => pusher.asks_who_pushed(),
            Requirement::Signatures(signatures) => signatures.asks_who_pushed(),
            Requirement::Identity(identity) => identity.asks_who_pushed(),
            Requirement::Tags(_) | Requirement::Paths(_) | Requirement::History(_) | Requirement::Messages(_) => false,
        })
    }

    /// Whether a push certificate must be there.
    pub fn requires_push_certificate(&self) -> bool {
        let requires = |requirement: &Requirement| matches!(requirement, Requirement::Pusher(pusher) if pusher.requires_certificate());
        self.requirements.iter().any(requires)
    }

    /// Whether the server must say how changes come about.
    pub fn asks_how_it_came_about(&self) -> bool {
        let asks = |requirement: &Requirement| matches!(requirement, Requirement::Pusher(pusher) if pusher.asks_how());
        self.requirements.iter().any(asks)
    }

    /// Whether a change that came about so is let in.
    pub fn admits(&self, way: Via) -> bool {
        let refuses =
            |requirement: &Requirement| matches!(requirement, Requirement::Pusher(pusher) if !pusher.admits(way));
        !self.requirements.iter().any(refuses)
    }

    /// What it is about, for sentences: `` `refs/heads/main`, except `…`, in the repositories `…` ``.
    pub fn scope(&self) -> String {
        let mut scope = self.refs.described();
        let parts = [
            ("except", &self.except_refs),
            ("in the repositories", &self.repositories),
            ("not in the repositories", &self.except_repositories),
        ];
        for (word, globs) in parts {
            if let Some(globs) = globs {
                scope.push_str(&format!(", {word} {}", globs.described()));
            }
        }
        scope
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "version = 1\nunmatched-refs = \"accept\"\n";

    fn mistakes(source: &str) -> Vec<String> {
        let problems = compile(source, &Groups::new()).err().unwrap_or_default();
        problems.iter().map(|problem| format!("{}: {}", line(source, problem.place.start), problem.what)).collect()
    }

    fn rule(keys: &str) -> Rule {
        let source = format!("{HEAD}[[rule]]\nname = \"main\"\n{keys}\n");
        let mut policy = compile(&source, &Groups::new()).unwrap_or_else(|problems| panic!("{keys}: {problems:?}"));
        policy.rules.remove(0)
    }

    #[test]
    fn the_smallest_policy() {
        assert_eq!(mistakes(HEAD), [""; 0]);
        assert_eq!(mistakes(""), ["1: `version` is missing", "1: `unmatched-refs` is missing"]);
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let source = "version = 2\nunmatched-refs = \"acept\"\nregistry-require = [\"revoked_key\", \"x509\"]\n\
                      server = \"gitlub\"\n[ledger]\n[groups]\na = [\"@b\"]\nb = [\"@a\", \"@c\"]\n\
                      [[rule]]\nname = \"x\"\nref = [\"refs/heads/main\"]\n\
                      [[rule]]\nname = \"x\"\nrefs = [\"main\"]\nmode = \"warm\"\nreview = []\nbaseline = [\"HEAD\"]\n\
                      [[rule]]\nname = \"y\"\nrefs = [\"HEAD\"]\n[[rule]]\nname = \"y\"\nrefs = [\"HEAD\"]\n";
        let found = mistakes(source);
        for expected in [
            "1: `2` is not a whole number from 1 to 1",
            "2: `acept` is not one of `accept`, `refuse`",
            "3: `revoked_key` is not one of `allowed_signers`, `revoked_keys`, `openpgp`, `signers.toml`",
            "3: this version does not support `x509`",
            "4: `gitlub` is not one of `plain`, `http`, `gitolite`, `gitea`, `forgejo`, `gitlab`, `pagure`",
            "5: this version does not support `ledger`",
            "7: the group `a` contains itself: a > b > a",
            "8: the group `b` contains itself: b > a > b",
            "8: there is no group `c`",
            "9: `refs` is missing",
            "11: unknown key `ref`",
            "14: `main` is no full ref name, and would match nothing; write `refs/heads/main`",
            "15: `warm` is not one of `enforce`, `warn`, `observe`, `off`",
            "16: this version does not support `review`",
        ] {
            assert!(found.iter().any(|found| found == expected), "{expected}\n{found:#?}");
        }
        assert!(found.iter().any(|found| found.starts_with("17: `HEAD` is not a full object id")), "{found:#?}");
        let twice =
            format!("{HEAD}[[rule]]\nname = \"y\"\nrefs = [\"HEAD\"]\n[[rule]]\nname = \"y\"\nrefs = [\"HEAD\"]\n");
        assert_eq!(mistakes(&twice), ["7: the rule name `y` is used twice"]);
        let both_wrong = format!("{HEAD}[[rule]]\nname = \"y\"\nrefs = [\"main\"]\n[[rule]]\nname = \"y\"\n");
        let found = mistakes(&both_wrong);
        assert_eq!(found.len(), 3, "{found:#?}");
        assert_eq!(found.last().map(String::as_str), Some("7: the rule name `y` is used twice"), "{found:#?}");
    }

    #[test]
    fn keys_of_later_versions_are_refused_by_name() {
        for key in ["review", "emergency", "baseline-received"] {
            let found = mistakes(&format!("{HEAD}[[rule]]\nname = \"x\"\nrefs = [\"HEAD\"]\n{key} = 1\n"));
            assert_eq!(found, [format!("6: this version does not support `{key}`")]);
        }
    }

    #[test]
    fn mistakes_in_paths_are_told_where_they_are() {
        let found = |entries: &str| {
            let source = format!("{HEAD}[[rule]]\nname = \"x\"\nrefs = [\"HEAD\"]\npaths = {entries}\n");
            mistakes(&source).into_iter().map(|found| found.replacen("6: ", "", 1)).collect::<Vec<_>>()
        };
        let nothing = "this entry asks nothing: it needs `by`, `forbid = true` or `max-size`";
        for (entries, expected) in [
            ("[]", "an empty list asks nothing"),
            ("{ match = ['a'], forbid = true }", "this has to be a list, and is a table"),
            ("[{ match = ['a'] }]", nothing),
            ("[{ match = ['a'], forbid = false }]", nothing),
            ("[{ forbid = true }]", "`match` is missing"),
            (
                "[{ match = ['/a'], forbid = true }]",
                "a path begins at the root of the tree, without a `/` or `./` in front",
            ),
            ("[{ match = ['a'], forbid = 1 }]", "this has to be `true` or `false`, and is a whole number"),
            ("[{ match = ['a'], by = ['@nobody'] }]", "there is no group `nobody`"),
            ("[{ match = ['a'], forbid = true, exept = ['b'] }]", "unknown key `exept`"),
            ("[{ match = ['a'], forbid = true, review = 1 }]", "unknown key `review`"),
        ] {
            assert_eq!(found(entries), [expected], "{entries}");
        }
        assert!(found("[{ match = ['a'], max-size = '10 MB' }]")[0].starts_with("`10 MB` is not a size"));
        assert_eq!(found("[{ match = ['a'], by = [] }, { match = ['b'], by = ['*'], forbid = true }]"), [""; 0]);
    }

    #[test]
    fn merges_alone_are_signed_where_all_comes_in_by_merges() {
        let found = |keys: &str| mistakes(&format!("{HEAD}[[rule]]\nname = \"x\"\nrefs = [\"HEAD\"]\n{keys}\n"));
        let alone = "signatures = { commits = \"merges\" }";
        for history in ["", "history = { merges = \"forbid\" }", "history = { max-commits = 3 }"] {
            let found = found(&format!("{alone}\n{history}"));
            assert!(found.len() == 1 && found[0].starts_with("6: `commits = \"merges\"` needs"), "{found:?}");
        }
        assert_eq!(found(&format!("{alone}\nhistory = {{ merges = \"require\" }}")), [""; 0]);
    }

    #[test]
    fn each_pattern_that_does_not_compile_is_told_at_its_place() {
        let source = format!(
            "{HEAD}[[rule]]\nname = \"x\"\nrefs = [\"HEAD\"]\nmessages = {{ require = [\n'(',\n'a',\n'['],\nforbid = [] }}\n"
        );
        let found = mistakes(&source);
        let lines: Vec<_> = found.iter().map(|found| &found[..found.find(" (").unwrap_or(found.len())]).collect();
        assert_eq!(
            lines,
            [
                "7: no regular expression: unclosed group",
                "9: no regular expression: unclosed character class",
                "10: an empty list asks for nothing"
            ]
        );
    }

    #[test]
    fn a_rule_matches_by_any_of_the_names_and_not_by_an_exception() {
        let rule = rule("refs = [\"refs/heads/**\", \"HEAD\"]\nexcept-refs = [\"refs/heads/old/**\"]");
        let matches = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| name.as_bytes()).collect();
            rule.matches(&names, Some(b"refs/x/trunk"), None)
        };
        assert!(matches(&["refs/heads/main"]));
        assert!(!matches(&["refs/heads/old/1"]));
        assert!(matches(&["refs/heads/old/1", "refs/heads/main"]));
        assert!(matches(&["refs/x/trunk"]));
        assert!(!matches(&["refs/tags/v1"]));
    }

    #[test]
    fn a_repository_of_unknown_name_matches_every_rule() {
        let rule = rule("refs = [\"HEAD\"]\nrepositories = [\"infra/**\"]\nexcept-repositories = [\"**/*.wiki\"]");
        let matches = |repository: Option<&str>| {
            rule.matches(&[b"refs/heads/main"], Some(b"refs/heads/main"), repository.map(str::as_bytes))
        };
        assert!(matches(Some("infra/dns")) && matches(None));
        assert!(!matches(Some("web")) && !matches(Some("infra/dns.wiki")));
    }

    #[test]
    fn where_the_client_chooses_the_case_of_a_repository_it_escapes_no_rule() {
        for (server, escapes) in [("gitea", false), ("forgejo", false), ("gitolite", true), ("plain", true)] {
            let source = format!(
                "version = 1\nunmatched-refs = \"accept\"\nserver = \"{server}\"\n[[rule]]\nname = \"x\"\n\
                 refs = [\"HEAD\"]\nrepositories = [\"Infra/**\"]\nexcept-repositories = [\"infra/Old\"]\n"
            );
            let policy = compile(&source, &Groups::new()).unwrap();
            let matches = |name: &[u8]| {
                policy.rules.iter().any(|rule| rule.matches(&[b"refs/heads/m"], Some(b"refs/heads/m"), Some(name)))
            };
            assert!(matches(b"Infra/dns"), "{server}");
            assert_eq!(!matches(b"INFRA/dns"), escapes, "{server}");
            assert_eq!(matches(b"Infra/old"), escapes, "{server}");
            assert!(!matches(b"web"), "{server}");
        }
    }

    #[test]
    fn modes_and_the_day_from_which_a_rule_refuses() {
        assert_eq!(rule("refs = [\"HEAD\"]").mode_at(Timestamp(0)), Mode::Enforce);
        let later = rule("refs = [\"HEAD\"]\nwarn-until = 2027-01-31");
        assert_eq!(later.mode_at(Timestamp(1_801_353_599)), Mode::Warn);
        assert_eq!(later.mode_at(Timestamp(1_801_353_600)), Mode::Enforce);
        assert_eq!(rule("refs = [\"HEAD\"]\nmode = \"observe\"").mode_at(Timestamp(0)), Mode::Observe);
        assert!(!rule("refs = [\"HEAD\"]\nmode = \"off\"").matches(&[b"refs/heads/m"], Some(b"refs/heads/m"), None));
    }

    #[test]
    fn the_registry_is_found_also_in_a_broken_policy() {
        let folder = registry_folder("registry = \"../keys\"\nregistry-require = [\"revoked_keys\"]\nnonsense");
        assert_eq!((folder.path, folder.required), (PathBuf::from("../keys"), vec!["revoked_keys".to_owned()]));
        assert_eq!(registry_folder("").path, PathBuf::from("registry"));
    }
}
