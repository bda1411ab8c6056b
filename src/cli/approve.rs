//! `approve`: on a developer's machine, with their own git and their own key.

mod brought;
mod git;
mod remote;
mod said;
mod tag;

use super::{
    Common, Form, Outcome,
    output::{Output, agreed, tell},
};
use crate::{
    Undecided,
    push::{ApprovalName, ObjectId, RefName},
    report::escaped,
};
use brought::{Brought, Over};
use clap::Args;
use git::Git;
use remote::{Meant, Remote};
use std::ffi::{OsStr, OsString};
use tag::Made;

/// Approves a commit for a ref: signs a tag that says so, with the key that `git tag --sign` takes, and pushes it.
///
/// Says first what the ref would gain: commits, who made them, and paths. Runs in your own clone and needs neither the
/// server's policy nor its registry. If you wrote or committed any of it, it asks for --yes, for your approval does not count.
///
/// Exit status 1 if no approval was made, or it was not pushed.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The commit that the ref is to hold: its id, or whatever else git knows it by
    #[arg(value_name = "COMMIT")]
    commit: OsString,
    /// The ref that it is approved for: its full name, or a short one if the remote has a branch or a tag called so
    #[arg(long = "for", value_name = "REF")]
    target: OsString,
    /// The record that an emergency was accepted with, if this is its review
    #[arg(long, value_name = "N")]
    settles: Option<u64>,
    /// What the ref held before the emergency, so that all is shown that it brought
    #[arg(long, value_name = "COMMIT", requires = "settles")]
    over: Option<OsString>,
    /// Where the ref is: a remote or a URL [default: the only remote, or origin]
    #[arg(long, value_name = "NAME")]
    remote: Option<OsString>,
    /// What else the tag says
    #[arg(short, long, value_name = "MESSAGE")]
    message: Option<String>,
    /// What the server calls you [default: countersign.id in git's configuration, else user.email]
    #[arg(long = "as", value_name = "ID")]
    id: Option<String>,
    /// Does not ask
    #[arg(long)]
    yes: bool,
    /// Signs nothing: says what it would approve, and the commands of git that do the same
    #[arg(long)]
    dry_run: bool,
    /// Signs, and says how to push it
    #[arg(long, conflicts_with = "dry_run")]
    no_push: bool,
}

/// What would be approved, and what the tag would say.
struct Proposal {
    name: ApprovalName,
    remote: Remote,
    brought: Brought,
    /// The approver's emails, as git has them.
    emails: Vec<String>,
    /// History is cut off in this clone, so that something may be missing above.
    shallow: bool,
    /// With its last newline.
    message: String,
}

/// Why nothing comes of it.
enum Stopped {
    /// The user was told.
    Told(Outcome),
    Undecided(Undecided),
}

impl From<Undecided> for Stopped {
    fn from(undecided: Undecided) -> Self {
        Self::Undecided(undecided)
    }
}

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    match approve(common, arguments, output) {
        Ok(()) => Ok(Outcome::Good),
        Err(Stopped::Told(outcome)) => Ok(outcome),
        Err(Stopped::Undecided(undecided)) => Err(undecided),
    }
}

fn approve(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<(), Stopped> {
    if !common.format.is_usual() {
        return Err(wrong("`approve` has `--format human` and `json`"));
    }
    let git = Git::here(common.repo.as_deref())?;
    let proposal = proposed(&git, arguments)?;
    let human = common.format == Form::Human;
    if human {
        said::proposal(&proposal, output)?;
    }
    tell(&said::warnings(&proposal, arguments.settles.is_some()));
    if arguments.dry_run {
        return Ok(said::by_hand(&proposal, human, output)?);
    }
    if !arguments.yes {
        output.flush()?;
        let own = if proposal.brought.own.is_empty() { "" } else { ", though it will not count" };
        if !human || !agreed(&format!("approve it{own}")) {
            return Err(stopped("error: nothing is approved for want of a yes; --yes does not ask\n"));
        }
    }
    let made = Made::sign(&git, &proposal)?;
    if let Some(signed) = made.key.as_ref().and_then(|key| proposal.brought.keys.get(key)) {
        tell(&format!("warning: the same key signed {}, so this approval does not count\n", signed.short()));
    }
    let pushed = !arguments.no_push && made.push(&git, &proposal)?;
    said::made(&proposal, &made, pushed, human, output)?;
    if !pushed && !arguments.no_push {
        return Err(stopped(&said::not_pushed(&proposal, &made)));
    }
    if let Some(id) =
        arguments.id.as_ref().filter(|id| configured(&git, "countersign.id").ok().flatten().as_ref() != Some(id))
    {
        tell(&said::remember(id));
    }
    Ok(())
}

/// Finds out all that is to be said.
fn proposed(git: &Git, arguments: &Arguments) -> Result<Proposal, Stopped> {
    let id = signer_id(git, arguments.id.as_ref())?
        .ok_or_else(|| wrong("say what the server calls you, with --as ID or `git config countersign.id ID`"))?;
    let named = arguments.remote.clone().map_or_else(|| remote::default_name(git), |name| Ok(Some(name)))?;
    let named = named
        .ok_or_else(|| wrong("say with --remote where the ref is: there is no remote `origin`, nor only one other"))?;
    let commit = self::commit(git, &arguments.commit)?;
    let commit = commit.ok_or_else(|| stopped(&said::no_commit(&arguments.commit, &named)))?;
    let former = |word| self::commit(git, word)?.ok_or_else(|| stopped(&said::no_former(word)));
    let former = arguments.over.as_deref().map(former).transpose()?;
    let remote = Remote::ask(git, named)?;
    let target = target(&remote, &arguments.target)?;
    let name = ApprovalName::new(&target, commit, &id).ok_or_else(|| wrong(&said::unfit_id(&id)))?;
    if remote.has(name.to_ref()) {
        return Err(stopped(&said::stands_already(&name, &remote)));
    }
    let message = tag::message(&name, arguments.message.as_deref(), arguments.settles)
        .ok_or_else(|| wrong("what --message says ends in something that keeps git from reading a trailer below it"))?;
    let over = former.map_or_else(|| brought::over(&remote, &target), Over::Before);
    if let Some(base) = over.commit()
        && !brought::is_here(git, base)?
    {
        return Err(stopped(&said::to_fetch(&remote, &target, base)));
    }
    let emails = emails(git, &id)?;
    let brought = Brought::find(git, commit, over, &emails)?;
    let shallow = git.answer(&[&"rev-parse", &"--is-shallow-repository"])? == b"true";
    Ok(Proposal { name, remote, brought, emails, shallow, message })
}

/// What the server calls the approver, as far as this machine knows.
fn signer_id(git: &Git, stated: Option<&String>) -> Result<Option<String>, Undecided> {
    if let Some(stated) = stated {
        return Ok(Some(stated.clone()));
    }
    match configured(git, "countersign.id")? {
        Some(id) => Ok(Some(id)),
        None => configured(git, "user.email"),
    }
}

fn configured(git: &Git, key: &str) -> Result<Option<String>, Undecided> {
    Ok(git.asked(&[&"config", &"--get", &key])?.and_then(|value| String::from_utf8(value).ok()))
}

/// Whose commits are the approver's own.
fn emails(git: &Git, id: &str) -> Result<Vec<String>, Undecided> {
    let mut emails = Vec::new();
    for ident in ["GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"] {
        let ident = git.asked(&[&"var", &ident])?.unwrap_or_default();
        let ident = String::from_utf8_lossy(&ident);
        emails.extend(
            ident.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(email, _)| email.to_owned()),
        );
    }
    emails.push(id.to_owned());
    emails.retain(|email| !email.is_empty());
    emails.sort();
    emails.dedup();
    Ok(emails)
}

/// The commit that is meant, tags peeled.
fn commit(git: &Git, word: &OsStr) -> Result<Option<ObjectId>, Undecided> {
    let verify = |word: &OsStr| git.id(&[&"rev-parse", &"--verify", &"--quiet", &"--end-of-options", &word]);
    let peeled = |id: ObjectId| verify(OsStr::new(&format!("{id}^{{commit}}")));
    Ok(verify(word)?.map(peeled).transpose()?.flatten())
}

fn target(remote: &Remote, written: &OsStr) -> Result<RefName, Stopped> {
    let (word, there) = (written.to_string_lossy(), remote.name.to_string_lossy());
    Err(wrong(&match remote.meant(written) {
        Meant::This(name) => return Ok(name),
        Meant::Both => format!("{there} has a branch and a tag `{word}`; say refs/heads/{word} or refs/tags/{word}"),
        Meant::Nothing => {
            format!("{there} has no branch or tag `{word}`; if there is to be one, say refs/heads/{word}")
        }
        Meant::NoName => format!("`{word}` is not the name of a ref"),
    }))
}

/// Arguments that do not fit.
fn wrong(why: &str) -> Stopped {
    tell(&(escaped(&format!("error: {why}")) + "\n"));
    Stopped::Told(Outcome::Usage)
}

/// Nothing is approved, for this reason.
fn stopped(why: &str) -> Stopped {
    tell(why);
    Stopped::Told(Outcome::NotGood)
}
