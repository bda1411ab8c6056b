//! From a verdict to its records.

use super::{Account, Case, Loaded, Maker, Makers, UpdateAccount, attested::Attested};
use crate::{
    Undecided,
    git::{Read, Repository, Selection, Settled, Trusted, Walk},
    ledger::{
        self, Brought, Change, Decision, Digest, InForce, KnownBy, Ledger, Move, OpenDecision, Pushed, Record,
        Recorded, RecordedPush, RuleOutcome, UnknownKey, Witness, Writing,
    },
    policy::{
        self, Effect, Mode, Server, Verdict,
        diff::{self, Direction},
        facts::{Certified, Pusher, Via},
    },
    push::{ObjectId, ObjectIdSet, PushCertificate, RefUpdate, Timestamp, evidence::Certificate},
    trusted::TrustedFiles,
};
use serde_json::Value;
use std::{collections::HashMap, ffi::OsStr, os::unix::ffi::OsStrExt, path::Path};

/// How many findings of one ref are recorded; the others are counted.
const FINDINGS: usize = 32;

/// How many bytes the findings of one push take at most: who is refused must not fill the disk.
const FINDINGS_BYTES: usize = 256 * 1024;

/// How many sentences on what a new policy made weaker are recorded.
const WEAKER: usize = 64;

/// Bytes of an author's or committer's name and email.
const NAME: usize = 256;

/// Names that one unknown key is recorded to be used under.
const NAMES: usize = 4;

/// The word for a finding about a key that is nobody's.
const UNKNOWN_KEY: &str = "unknown-key";

/// Of a raw object that a push takes away: a larger one is not kept.
const TIP: usize = 1024 * 1024;

/// What is to be recorded of a push, found out before the ledger is locked.
pub struct Entries {
    pushed: Pushed,
    updates: Vec<UpdateEntry>,
    /// What the records name by digest.
    contents: Vec<Vec<u8>>,
    /// What stands in a list already: it is listed with the first ref of the push that brings it.
    listed: ObjectIdSet,
    /// What is signed of the push certificate, which makes it another one.
    certified: Option<Digest>,
    /// The list of keys that nobody has registered.
    keys: Option<Digest>,
    /// Policies that may not be what was last seen in force, and what they made weaker.
    changes: Vec<Change>,
    /// Whether the refs still have the values that they had before the push.
    is_pending: bool,
}

/// One update of it.
struct UpdateEntry {
    update: RefUpdate,
    rules: Vec<RuleOutcome>,
    findings: Vec<Value>,
    findings_left_out: u64,
    brought: Option<Brought>,
    tip: Option<Digest>,
    /// Whether keys that nobody has registered are among what was found.
    found_unknown_keys: bool,
    attested: Attested,
}

impl Entries {
    /// Gathers it. `described`: each finding of the verdict, as its JSON form says it. `ledger`: what it holds already is
    /// not gathered again. `trusted`: how files of the registry are read that it does not hold.
    ///
    /// # Errors
    /// The repository, or a file of the registry, cannot be read any more.
    pub fn of(
        case: &Case<'_>,
        verdict: &Verdict,
        account: &Account,
        described: &[Value],
        ledger: &Ledger,
        trusted: &TrustedFiles,
    ) -> Result<Self, Undecided> {
        let accepted = matches!(verdict, Verdict::Accepted(_));
        let mut gathered = Self {
            pushed: pushed(
                case,
                account,
                match accepted {
                    true => ledger::Verdict::Accepted,
                    false => ledger::Verdict::Refused,
                },
            ),
            updates: Vec::new(),
            contents: Vec::new(),
            listed: ObjectIdSet::default(),
            certified: None,
            keys: None,
            changes: Vec::new(),
            is_pending: case.is_pending,
        };
        gathered.note_policies(case, ledger, trusted)?;
        if let Certificate::Received { text, .. } = &case.evidence.certificate {
            gathered.pushed.certificate = Some(Digest::of(text));
            gathered.certified = Some(Digest::of(PushCertificate::payload_of(text)));
            if accepted {
                gathered.contents.push(text.clone());
            }
        }
        let mut room = FINDINGS_BYTES;
        let references = case.repository.references()?;
        for (at, (update, told)) in case.push.updates.iter().zip(&account.updates).enumerate() {
            let found = verdict.findings().iter().zip(described).filter(|(finding, _)| finding.update == at);
            let name = references.written(&update.name);
            let mut entry = UpdateEntry {
                update: RefUpdate { name, change: update.change },
                rules: rule_outcomes(case, told, at, verdict),
                findings: Vec::new(),
                findings_left_out: 0,
                brought: None,
                tip: None,
                found_unknown_keys: false,
                attested: Attested::default(),
            };
            for (_, value) in found {
                entry.found_unknown_keys |= value.get("reason").and_then(Value::as_str) == Some(UNKNOWN_KEY);
                let length = value.to_string().len();
                if entry.findings.len() >= FINDINGS || length > room {
                    entry.findings_left_out += 1;
                    continue;
                }
                room -= length;
                entry.findings.push(value.clone());
            }
            if let Verdict::Accepted(accepted) = verdict {
                entry.attested = Attested::of(case, accepted, (at, update), told)?;
                gathered.contents.append(&mut entry.attested.contents);
                entry.brought = gathered.brought(case, account, told, update)?;
                entry.tip = gathered.taken_away(case, told, update)?;
            }
            gathered.updates.push(entry);
        }
        if gathered.updates.iter().any(|entry| entry.found_unknown_keys) {
            let list = unknown_keys(&account.makers);
            gathered.keys = list.as_deref().map(Digest::of);
            gathered.contents.extend(list);
        }
        Ok(gathered)
    }

    /// The same of a push that could not be decided: why.
    pub fn undecided(case: &Case<'_>, cause: &Undecided) -> Self {
        let account = Account::of(case.push);
        let pushed = pushed(case, &account, ledger::Verdict::Undecided(cause.to_string()));
        let updates = case.push.updates.iter().map(|update| UpdateEntry {
            update: update.clone(),
            rules: Vec::new(),
            findings: Vec::new(),
            findings_left_out: 0,
            brought: None,
            tip: None,
            found_unknown_keys: false,
            attested: Attested::default(),
        });
        let (updates, contents, listed) = (updates.collect(), Vec::new(), ObjectIdSet::default());
        let is_pending = case.is_pending;
        Self { pushed, updates, contents, listed, certified: None, keys: None, changes: Vec::new(), is_pending }
    }

    /// The debts that approvals settle, by their records, with the rules that were waived.
    pub fn settled(&self) -> impl Iterator<Item = (u64, &str)> {
        let settles = self.updates.iter().flat_map(|entry| &entry.attested.settles);
        settles.map(|settled| (settled.decision, settled.rule.as_str()))
    }

    /// Writes it with its verdict, and proves that it is written.
    ///
    /// # Errors
    /// It could not be made durable; the verdict is given back.
    pub fn write_verdict(
        &self,
        verdict: Verdict,
        repository: &Repository,
        ledger: &mut Ledger,
        clock: &dyn Fn() -> Timestamp,
    ) -> Result<RecordedPush, Box<(Verdict, Undecided)>> {
        ledger.record(verdict, clock, |writing| self.write_to(repository, writing))
    }

    /// Writes it.
    ///
    /// # Errors
    /// It could not be made durable.
    pub fn write(
        &self,
        repository: &Repository,
        ledger: &mut Ledger,
        clock: &dyn Fn() -> Timestamp,
    ) -> Result<(), Undecided> {
        ledger.append(clock, |writing| self.write_to(repository, writing).map(drop)).map(drop)
    }

    /// Returns the number of the first decision.
    fn write_to(&self, repository: &Repository, writing: &mut Writing<'_>) -> Result<u64, Undecided> {
        if let Some(certified) = self.certified.filter(|_| self.pushed.verdict == ledger::Verdict::Accepted)
            && writing.is_certificate_seen(certified)?
        {
            return Err(Undecided::pusher(
                "recording the push",
                "its push certificate was used by another push meanwhile",
            ));
        }
        for emergency in self.updates.iter().flat_map(|entry| &entry.attested.emergencies) {
            if writing.declaration_used(emergency.signed)?.is_some() {
                let why = "the emergency that it declares was used by another push meanwhile";
                return Err(Undecided::pusher("recording the push", why));
            }
        }
        for content in &self.contents {
            writing.content(content)?;
        }
        for change in &self.changes {
            // Another hook may have been first.
            let in_force = writing.in_force(&change.to.path)?;
            if in_force.map(|in_force| (in_force.policy, in_force.registry)) == change.from {
                writing.record(&Record::Policy(change.clone()))?;
            }
        }
        let names: Vec<_> = self.updates.iter().map(|entry| entry.update.name.clone()).collect();
        let place = Path::new(OsStr::from_bytes(&self.pushed.repository));
        let (present, open) = (repository.ref_values(&names)?, writing.open_decisions(place)?);
        let mut decided: HashMap<_, Vec<_>> = HashMap::new();
        for OpenDecision { name, old, new, .. } in open {
            decided.entry(name).or_default().push((old, new));
        }
        let mut recorded = Vec::new();
        for UpdateEntry { update, attested, .. } in &self.updates {
            let found = present.get(&update.name).copied();
            // An ordinary push that comes too late is recorded, and git does not carry it out. What grants something has to be so.
            if self.is_pending && attested.grants() && found != update.change.old() {
                let why = format!("{} has moved meanwhile; fetch first", update.name);
                return Err(Undecided::pusher("recording the push", why));
            }
            let decided = decided.get(&update.name).map(Vec::as_slice).unwrap_or_default();
            recorded.push(self.compare(update, found, decided, writing)?);
        }
        let pushed = Pushed { waited: writing.waited(), ..self.pushed.clone() };
        let push = writing.next_number();
        for (entry, recorded) in self.updates.iter().zip(recorded) {
            let decision = Decision {
                push,
                pushed: pushed.clone(),
                name: entry.update.name.clone(),
                old: entry.update.change.old(),
                new: entry.update.change.new(),
                recorded,
                rules: entry.rules.clone(),
                findings: entry.findings.clone(),
                findings_left_out: entry.findings_left_out,
                brought: entry.brought,
                tip: entry.tip,
                keys: self.keys.filter(|_| entry.found_unknown_keys),
                approvals: entry.attested.approvals.clone(),
                emergencies: entry.attested.emergencies.clone(),
                paths: entry.attested.paths,
                settles: entry.attested.settles.clone(),
            };
            writing.record(&Record::Decision(Box::new(decision)))?;
        }
        Ok(push)
    }

    /// How the old value compares with what was recorded. That the ref itself has another, which none of the open decisions on
    /// it, by old and new value, explains, is a record of its own.
    fn compare(
        &self,
        update: &RefUpdate,
        found: Option<ObjectId>,
        decided: &[(Option<ObjectId>, Option<ObjectId>)],
        writing: &mut Writing<'_>,
    ) -> Result<Recorded, Undecided> {
        let old = update.change.old();
        let place = Path::new(OsStr::from_bytes(&self.pushed.repository));
        let standing = writing.standing(place, &update.name)?;
        let recorded = standing.and_then(|standing| standing.value);
        if standing.is_some() && recorded == old {
            return Ok(Recorded::Same);
        }
        let explains = |&(before, after): &(Option<ObjectId>, Option<ObjectId>)| {
            // Of a ref of which nothing else is known, a decision that git did not carry out says what it was before.
            after == found || standing.is_none() && before == found
        };
        let is_known = standing.is_some() || !decided.is_empty();
        if is_known && found == old && !decided.iter().any(explains) {
            let (repository, name) = (self.pushed.repository.clone(), update.name.clone());
            writing.record(&Record::Moved(Move { repository, name, recorded, found, by: "push" }))?;
        }
        Ok(if standing.is_some() { Recorded::Other } else { Recorded::Never })
    }

    /// What the ledger has not seen in force yet, and which of it is weaker.
    fn note_policies(&mut self, case: &Case<'_>, ledger: &Ledger, trusted: &TrustedFiles) -> Result<(), Undecided> {
        for (loaded, to) in case.policies.iter().zip(self.pushed.policies.clone()) {
            let from = ledger.in_force(&to.path)?.map(|in_force| (in_force.policy, in_force.registry));
            if from == Some((to.policy, to.registry)) {
                continue;
            }
            self.contents.push(loaded.source.as_bytes().to_vec());
            if !ledger.has_content(to.registry)? {
                self.contents.push(loaded.registry.file_list().into_bytes());
                self.contents.extend(loaded.registry.contents(trusted)?);
            }
            let former: Option<Vec<u8>> = from.map(|(policy, _)| ledger.content(policy)).transpose()?.flatten();
            let weaker = former.map(|former| weaker(&former, loaded)).unwrap_or_default();
            self.changes.push(Change { to, from, weaker });
        }
        Ok(())
    }

    /// The list of what the ref gains that was not received yet, nor is brought by a ref of the push before it: thousands may
    /// share a history. Where history is cut off, nobody can tell, and nothing is.
    fn brought(
        &mut self,
        case: &Case<'_>,
        account: &Account,
        told: &UpdateAccount,
        update: &RefUpdate,
    ) -> Result<Option<Brought>, Undecided> {
        let Some(new) = update.change.new() else { return Ok(None) };
        if case.repository.is_cut_off()? {
            return Ok(None);
        }
        let is_received = |id| case.memory.map_or(Ok(None), |memory| memory.received(id)).map(|time| time.is_some());
        let peeled = case.repository.peel(new)?;
        let mut objects: Vec<ObjectId> = Vec::new();
        for (tag, _) in &peeled.layers {
            if !is_received(*tag)? && !self.listed.contains(tag) {
                objects.push(*tag);
            }
        }
        match (&told.commits, super::tip::commit_of(&peeled)) {
            (Some(commits), _) => objects.extend(commits.iter().filter(|commit| !self.listed.contains(*commit))),
            (None, Some(tip)) => {
                let old = update.change.old().map(|old| case.repository.peel(old)).transpose()?;
                let old: Vec<_> = old.as_ref().and_then(super::tip::commit_of).into_iter().collect();
                // As trusted, the old value does not keep the walk from passing over what is listed.
                let selection = Selection { tip, old: None, baselines: Vec::new(), first_parent: false };
                let mut gain = |commit: crate::git::Selected<'_>| {
                    objects.extend(commit.gained.then_some(commit.id));
                    Ok(())
                };
                let mut walk = Walk::new(case.repository, &self.listed, &selection, Settled::Apart)?;
                walk.through_new(&mut gain)?;
                walk.through_settled(&Trusted { tips: &old, holds: &is_received }, &mut gain)?;
            }
            (None, None) => {}
        }
        if objects.is_empty() {
            return Ok(None);
        }
        objects.sort_unstable();
        objects.dedup();
        let list = list(&objects, &account.makers);
        let brought = Brought { objects: u64::try_from(objects.len()).unwrap_or(u64::MAX), list: Digest::of(&list) };
        self.contents.push(list);
        if case.push.updates.len() > 1 {
            self.listed.extend(objects);
        }
        Ok(Some(brought))
    }

    /// Keeps the raw object that git will collect once the ref has left it.
    fn taken_away(
        &mut self,
        case: &Case<'_>,
        told: &UpdateAccount,
        update: &RefUpdate,
    ) -> Result<Option<Digest>, Undecided> {
        let Some(old) = update.change.old() else { return Ok(None) };
        if update.name.is_branch() && update.change.new().is_some() && told.fast_forward == Some(true) {
            return Ok(None);
        }
        if let Some(new) = update.change.new()
            && let Some(from) = super::tip::commit_of(&case.repository.peel(old)?)
            && let Some(to) = super::tip::commit_of(&case.repository.peel(new)?)
            && update.name.is_branch()
            && case.repository.is_ancestor(from, to)?
        {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        Ok(match case.repository.read(old, &mut bytes)? {
            Read::Object(_) if bytes.len() <= TIP => {
                let digest = Digest::of(&bytes);
                self.contents.push(bytes);
                Some(digest)
            }
            Read::Object(_) | Read::TooLarge { .. } | Read::Missing => None,
        })
    }
}

fn pushed(case: &Case<'_>, account: &Account, verdict: ledger::Verdict) -> Pushed {
    let in_force = |loaded: &Loaded| InForce {
        path: loaded.path.as_os_str().as_bytes().to_vec(),
        policy: Digest::of(loaded.source.as_bytes()),
        registry: Digest::of(loaded.registry.file_list().as_bytes()),
    };
    let known = account.pushers.iter().zip(case.policies);
    // Each policy has a registry of its own: the first that knows who it is says so.
    let (pusher, loaded) = known.clone().find(|(pusher, _)| pusher.signer.is_some()).or(known.clone().next()).unzip();
    let server = loaded.and_then(|loaded| loaded.policy.server);
    let name = case.policies.iter().find_map(|loaded| loaded.repository_name(case.place, case.evidence));
    Pushed {
        repository: case.place.as_os_str().as_bytes().to_vec(),
        repository_name: name,
        verdict,
        pusher: pusher.map(|pusher| witness(pusher, server)).unwrap_or_default(),
        via: pusher.and_then(|pusher| pusher.via).map(|via| match via {
            Via::Push => "push",
            Via::Merge => "merge",
            Via::Edit => "edit",
            Via::Web => "web",
        }),
        certificate: None,
        policies: case.policies.iter().map(in_force).collect(),
        waited: 0,
    }
}

fn witness(pusher: &Pusher, server: Option<Server>) -> Witness {
    let known_by = pusher.signer.is_some().then_some(match (pusher.certified, server) {
        (Certified::Yes, _) => KnownBy::Certificate,
        (Certified::No | Certified::Refused, Some(Server::Plain)) => KnownBy::Sshd,
        (Certified::No | Certified::Refused, _) => KnownBy::Server,
    });
    Witness {
        id: pusher.signer.as_ref().map(|signer| signer.id.0.clone()),
        account: pusher.account.clone(),
        known_by,
        unknown: Some(pusher.why_unknown.clone()).filter(|why| pusher.signer.is_none() && !why.is_empty()),
    }
}

fn rule_outcomes(case: &Case<'_>, told: &UpdateAccount, at: usize, verdict: &Verdict) -> Vec<RuleOutcome> {
    let matched = told.rules.iter().filter_map(|&(policy, number)| {
        let rule = case.policies.get(policy)?.policy.rules.get(number)?;
        let found = verdict
            .findings()
            .iter()
            .filter(|finding| finding.update == at && finding.policy == policy && finding.rule == Some(number));
        let effect = found.map(|finding| match finding.effect {
            Effect::Refuses => ledger::Effect::Refuses,
            Effect::Waived => ledger::Effect::Waived,
            Effect::Warns => ledger::Effect::Warns,
            Effect::Observed => ledger::Effect::Observed,
        });
        let mode = match rule.mode_at(case.now) {
            Mode::Enforce => "enforce",
            Mode::Warn => "warn",
            Mode::Observe => "observe",
            Mode::Off => "off",
        };
        let effect = effect.max().unwrap_or(ledger::Effect::Satisfied);
        Some(RuleOutcome { policy, name: rule.name.clone(), line: rule.line, mode, effect })
    });
    matched.collect()
}

/// What may be accepted now and was not before, or cannot be told. A former policy that does not compile any more has no
/// sentences.
fn weaker(former: &[u8], loaded: &Loaded) -> Vec<String> {
    let former = std::str::from_utf8(former).ok();
    let former = former.and_then(|source| policy::compile(source, &loaded.registry.groups()).ok());
    let found = former.map(|former| diff::differences(&former, &loaded.policy)).unwrap_or_default();
    let weaker = found.iter().filter(|found| matches!(found.direction, Direction::Weaker | Direction::Changed));
    weaker.take(WEAKER).map(ToString::to_string).collect()
}

/// The text that `docs/ledger.md` calls the list of what a push brought, of objects that are sorted.
pub(super) fn list(objects: &[ObjectId], makers: &Makers) -> Vec<u8> {
    use std::fmt::Write;
    // Of those that the push as a whole had, only these, numbered anew.
    let mut numbers: Vec<Option<usize>> = vec![None; makers.all.len()];
    let (mut people, mut lines) = (Vec::new(), String::new());
    for object in objects {
        let maker = makers.of(object).and_then(|place| Some((numbers.get_mut(place)?, makers.all.get(place)?)));
        // Writing to a string cannot fail.
        let _ = match maker {
            None => writeln!(lines, "{object} -"),
            Some((number, maker)) => {
                let number = *number.get_or_insert_with(|| {
                    people.push(person(maker));
                    people.len() - 1
                });
                writeln!(lines, "{object} {number}")
            }
        };
    }
    let head = serde_json::json!({ "schema": ledger::SCHEMA, "people": people });
    format!("{head}\n{lines}").into_bytes()
}

/// The text that `docs/ledger.md` calls a list of unknown keys; `None` if there are none.
fn unknown_keys(makers: &Makers) -> Option<Vec<u8>> {
    let keys = makers.strangers().into_iter().map(|stranger| UnknownKey {
        fingerprint: stranger.key.to_owned(),
        format: stranger.format.map(str::to_owned),
        key: stranger.text.map(str::to_owned),
        names: stranger.authors.iter().take(NAMES).map(|name| name.get(..NAME).unwrap_or(name).to_vec()).collect(),
        objects: stranger.objects,
    });
    let keys: Vec<_> = keys.collect();
    (!keys.is_empty()).then(|| UnknownKey::write_list(&keys))
}

fn person(maker: &Maker) -> Value {
    let bounded = |name: &[u8]| ledger::bytes(name.get(..NAME).unwrap_or(name));
    serde_json::json!({
        "status": maker.status, "signer": maker.signer, "key": maker.key, "format": maker.format,
        "author": bounded(&maker.author), "committer": bounded(&maker.committer),
    })
}
