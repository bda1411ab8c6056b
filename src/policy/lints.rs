//! What a policy may say and surely does not mean. Pure.

mod review;

use super::{
    Mode, Policy, Rule, Server, Unmatched,
    facts::{Forges, Via},
    glob::Globs,
    rules::Requirement,
    who::Who,
};
use crate::{
    push::Timestamp,
    registry::{Kind as SignerKind, Registry, Signer},
};

/// A surprise that is no mistake.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Lint {
    /// Counted from one.
    pub line: usize,
    /// In one sentence, names in backticks. It may quote the policy: escape it on the way to a terminal.
    pub what: String,
}

/// All that surprises, in the order of the file.
pub fn lints(policy: &Policy, registry: &Registry, now: Timestamp) -> Vec<Lint> {
    let mut found = Vec::new();
    let mut say = |line, what: String| found.push(Lint { line, what });
    for (name, line) in policy.unknown_people(registry) {
        say(line, format!("nobody in the registry is `{name}`"));
    }
    for (name, line) in policy.people_who_left(registry, now) {
        say(line, format!("`{name}` has left, and signs nothing any more"));
    }
    for (name, line) in &policy.unused_groups {
        say(*line, format!("the group `{name}` is used nowhere"));
    }
    for (at, rule) in policy.rules.iter().enumerate() {
        of_mode(rule, now, &mut say);
        of_refs(rule, &mut say);
        of_requirements(rule, policy.unmatched, &mut say);
        of_people(rule, registry, &mut say);
        of_content(rule, registry, now, &mut say);
        of_repositories(rule, policy, &mut say);
        of_pusher(rule, policy.server, registry, &mut say);
        review::of_review(rule, registry, now, &mut say);
        let twin = policy.rules.iter().take(at).find(|other| other.mode != Mode::Off && asks_the_same(other, rule));
        if let Some(twin) = twin.filter(|_| rule.mode != Mode::Off) {
            say(
                rule.line,
                format!("rule `{}` asks what rule `{}` asks already, of the same refs", rule.name, twin.name),
            );
        }
    }
    found.sort();
    found.dedup();
    found
}

fn of_mode(rule: &Rule, now: Timestamp, say: &mut impl FnMut(usize, String)) {
    let mut say = |what: &str| say(rule.line, format!("rule `{}`{what}", rule.name));
    if rule.enforced_from().is_some_and(|from| from <= now) {
        say(": the day of `warn-until` is past; the key can go");
    }
    if rule.warn_until.is_some() && rule.enforced_from().is_none() {
        say(": `warn-until` changes nothing: it is for `mode = \"enforce\"`");
    }
    match rule.mode {
        Mode::Enforce => {}
        Mode::Warn => say(" only warns, and for ever: with `warn-until` instead of `mode` it refuses from that day on"),
        Mode::Observe => say(" only observes, and for ever: it refuses nothing and tells nobody but the log"),
        Mode::Off => say(" is off: it protects nothing"),
    }
}

fn of_refs(rule: &Rule, say: &mut impl FnMut(usize, String)) {
    let mut say = |what: String| say(rule.line, format!("rule `{}`{what}", rule.name));
    let refs = rule.refs.written();
    if let Some(except) = &rule.except_refs
        && refs.iter().all(|glob| holds(except, glob))
    {
        say(" applies to nothing: `except-refs` takes out all of its `refs`".into());
    }
    for glob in &refs {
        let within =
            glob.strip_suffix("/*").filter(|_| !refs.iter().any(|other| other != glob && other.ends_with("/**")));
        if let Some(folder) = within {
            say(format!(
                ": `{glob}` does not match names with another `/`, such as `{folder}/a/b`; `{folder}/**` matches them, too"
            ));
        }
    }
    for glob in &refs {
        if let Some((wrong, right)) = [("refs/head/", "refs/heads/"), ("refs/tag/", "refs/tags/")]
            .iter()
            .find(|(wrong, _)| glob.starts_with(wrong))
        {
            say(format!(
                ": `{glob}` is neither a branch nor a tag: did you mean `{}`?",
                glob.replacen(wrong, right, 1)
            ));
        }
    }
    if rule.refs.repeats() {
        say(": `refs` lists the same pattern twice".into());
    }
    if rule.asks_tags_in_vain() {
        say(": `tags` asks nothing: none of its `refs` can match below `refs/tags/`".into());
    }
}

fn of_requirements(rule: &Rule, unmatched: Unmatched, say: &mut impl FnMut(usize, String)) {
    let mut say = |what: String| say(rule.line, format!("rule `{}`{what}", rule.name));
    let by_default =
        |requirement: &Requirement| matches!(requirement, Requirement::Updates(updates) if !updates.is_written);
    let in_vain = |requirement: &Requirement| requirement.sentences().is_empty();
    for requirement in rule.requirements.iter().filter(|requirement| in_vain(requirement)) {
        say(format!(": `{}` asks nothing as it is set", requirement.key()));
    }
    // Where other refs are refused, a rule may be there to let refs in.
    let protects = rule.mode != Mode::Off && unmatched == Unmatched::Accept;
    if protects && rule.requirements.iter().all(|requirement| by_default(requirement) || in_vain(requirement)) {
        say(" asks nothing but what `updates` does by default: no force-push, no deletion".into());
    }
    let accepts_unsigned = |requirement: &Requirement| matches!(requirement, Requirement::Signatures(signatures) if signatures.accepts_unsigned());
    let asks_for_signers = |requirement: &Requirement| matches!(requirement, Requirement::Identity(identity) if identity.asks_for_signers());
    if rule.requirements.iter().any(accepts_unsigned) && rule.requirements.iter().any(asks_for_signers) {
        say(": `identity` asks for the signer, and so refuses unsigned commits that `unsigned = \"accept\"` lets in"
            .into());
    }
}

fn of_people(rule: &Rule, registry: &Registry, say: &mut impl FnMut(usize, String)) {
    let nobody = |who: &Who| who.is_nobody(|name| !registry.named(name).is_empty());
    for requirement in &rule.requirements {
        for (key, _) in requirement.lists().into_iter().filter(|(_, who)| nobody(who)) {
            let (name, kind) = (&rule.name, requirement.key());
            say(rule.line, format!("rule `{name}`: `{kind}.{key}` is nobody: there is no one in the registry who may"));
        }
    }
}

/// What a requirement asks that is always so, or never.
fn of_content(rule: &Rule, registry: &Registry, now: Timestamp, say: &mut impl FnMut(usize, String)) {
    let mut say = |what: String| say(rule.line, format!("rule `{}`: {what}", rule.name));
    let forbids_merges = rule
        .requirements
        .iter()
        .any(|requirement| matches!(requirement, Requirement::History(history) if history.forbids_merges()));
    for requirement in &rule.requirements {
        match requirement {
            Requirement::Tags(tags) => {
                if let Some(on) = tags.on()
                    && rule.refs.written().iter().any(|glob| holds(on, glob))
                {
                    say("`tags.on` covers the rule's own refs: each tag is on itself, wherever it points".into());
                }
            }
            Requirement::Messages(messages) => {
                for pattern in messages.required_in_vain() {
                    say(format!("`messages.require`: `{pattern}` matches every message, also an empty one"));
                }
            }
            Requirement::Paths(paths) => {
                for (matching, except) in paths.covered() {
                    let covers = |except: &Globs| matching.written().iter().all(|glob| holds(except, glob));
                    if except.is_some_and(covers) {
                        say(format!(
                            "`paths`: the entry for {} looks at nothing: `except` takes all out",
                            matching.described()
                        ));
                    }
                }
            }
            Requirement::Signatures(signatures) => {
                if signatures.asks_for_merge_tags() && forbids_merges {
                    say("`merge-tags` asks nothing: `history` lets no merge in".into());
                }
                let is_forge = |signer: &&Signer| signer.kind == SignerKind::Forge && signatures.by().includes(signer);
                if rule.terms.forge != Forges::Refuse
                    && let Some(forge) = registry.signers().find(is_forge)
                {
                    let id = &forge.id.0;
                    say(format!(
                        "`{id}` in `signatures.by` counts for nothing: with `forge`, what it signs is whoever's acted"
                    ));
                }
            }
            Requirement::Identity(identity) => {
                // Nobody has an address there (RFC 2606, section 2), unless everybody has every address.
                if identity.asks_for_the_registered() && registry.has_email(b"somebody@nowhere.invalid", now) {
                    say("`identity`: every email is \"registered\": a `cert-authority` line of `allowed_signers` admits all \
                         principals; name the domains there, such as `*@example.com`"
                        .into());
                }
            }
            Requirement::Updates(_)
            | Requirement::Pusher(_)
            | Requirement::History(_)
            | Requirement::Review(_)
            | Requirement::Emergency(_) => {}
        }
    }
}

/// What it says of repositories whose names are not known.
fn of_repositories(rule: &Rule, policy: &Policy, say: &mut impl FnMut(usize, String)) {
    let states = policy
        .server
        .is_some_and(|server| matches!(server, Server::Gitolite | Server::Gitea | Server::Forgejo | Server::Gitlab));
    let asks = rule.repositories.is_some() || rule.except_repositories.is_some();
    if asks && !states && policy.repositories_root.is_none() {
        let why = "no repository's name is known without `repositories-root`, and so it matches in all of them";
        say(rule.line, format!("rule `{}`: {why}", rule.name));
    }
}

/// What it asks of the pusher that this server gives no way to know.
fn of_pusher(rule: &Rule, server: Option<Server>, registry: &Registry, say: &mut impl FnMut(usize, String)) {
    let unsigned = !rule.requires_push_certificate();
    let web = !matches!(server, Some(Server::Plain | Server::Http | Server::Gitolite));
    let nobody = match server {
        Some(server) if rule.terms.forge != Forges::Refuse && !web => {
            Some(format!("`forge` lets in nothing that a forge signed: a `{}` server is none", server.name()))
        }
        None if rule.asks_who_pushed() && unsigned => {
            Some("it asks who pushed, and without `server` only a push certificate says".to_owned())
        }
        Some(server) if rule.asks_who_pushed() && unsigned && !registry.knows_whoever_pushes(server.name()) => Some(
            "it asks who pushed, and nobody in `signers.toml` has an account there; only a push certificate says"
                .to_owned(),
        ),
        None | Some(_) => None,
    };
    let mute = matches!(server, None | Some(Server::Pagure));
    let how = (rule.asks_how_it_came_about() && mute).then(|| match server {
        Some(server) => {
            format!("`via` refuses every push: a `{}` server does not say how changes come about", server.name())
        }
        None => "`via` refuses every push: without `server`, nothing says how changes come about".to_owned(),
    });
    let certificate = (!unsigned && server == Some(Server::Gitlab))
        .then(|| "`certificate` refuses every push: GitLab passes no push certificate to hooks".to_owned());
    let lets = |way| rule.admits(way);
    let other = match server {
        Some(Server::Gitlab) if !lets(Via::Push) && !lets(Via::Web) => Some(
            "`via` refuses every push: GitLab does not tell a merge from an edit, so list both or neither".to_owned(),
        ),
        Some(server @ (Server::Plain | Server::Http | Server::Gitolite)) if !lets(Via::Push) => Some(format!(
            "`via` refuses every push: on a `{}` server every change is a push, and `via` does not list it",
            server.name()
        )),
        None
        | Some(
            Server::Plain
            | Server::Http
            | Server::Gitolite
            | Server::Gitea
            | Server::Forgejo
            | Server::Gitlab
            | Server::Pagure,
        ) => None,
    };
    for why in [nobody, how, certificate, other].into_iter().flatten() {
        say(rule.line, format!("rule `{}`: {why}", rule.name));
    }
}

/// Whether the globs match whatever another one does. Told by examples, so only as good as a hint must be.
fn holds(globs: &Globs, glob: &str) -> bool {
    if globs.written().contains(glob) {
        return true;
    }
    if glob == "HEAD" || glob.contains(['[', '{', '\\']) {
        return false;
    }
    let example = |deep: &str, one: &str| glob.replace("**", deep).replace('*', one).replace('?', "q");
    [("zq", "zq"), ("k/l/m", "kl.m-n")].iter().all(|(deep, one)| globs.matches(example(deep, one).as_bytes()))
}

fn asks_the_same(one: &Rule, other: &Rule) -> bool {
    let asks = |rule: &Rule| -> Vec<_> {
        rule.requirements.iter().map(|requirement| (requirement.key(), requirement.settings())).collect()
    };
    one.own_settings() == other.own_settings() && asks(one) == asks(other)
}

#[cfg(test)]
mod tests;
