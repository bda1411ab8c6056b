//! What the approver is told. What others wrote is escaped, cut to a length, and begins no line.

use super::{
    Proposal,
    brought::{Changed, Over, Shown},
    remote::Remote,
    tag::Made,
};
use crate::{
    Undecided,
    cli::output::Output,
    ledger::bytes,
    policy::sentences::shell_word,
    push::{ApprovalName, ObjectId, RefName},
    report::{SCHEMA, escaped},
};
use serde_json::json;
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

/// How many characters of a name, a subject or a path are shown.
const LONGEST: usize = 160;

/// Bytes that somebody else chose, on one line.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut safe = escaped(&text.chars().take(LONGEST).collect::<String>());
    if text.chars().nth(LONGEST).is_some() {
        safe.push('…');
    }
    safe
}

fn lines(lines: &[String]) -> String {
    lines.iter().map(|line| escaped(line) + "\n").collect()
}

fn counted(count: u64, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

/// A word as a shell takes it, or, where none would, as it reads.
fn word(bytes: &[u8]) -> String {
    shell_word(bytes).unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned())
}

/// All that is approved, on standard output.
pub(super) fn proposal(proposal: &Proposal, output: &mut Output) -> Result<(), Undecided> {
    let Proposal { name, remote, brought, .. } = proposal;
    let there = shown(remote.name.as_bytes());
    let (target, commit) = (shown(name.name().as_bytes()), name.commit());
    output.line(&format!("approve for {target} at {there}, as `{}`:", escaped(name.signer())))?;
    output.line(&format!("  commit {commit}"))?;
    if let Some(tip) = brought.newest.first().filter(|tip| tip.id == commit) {
        output.line(&format!("  \"{}\"", shown(&tip.subject)))?;
        output.line(&format!("  author {}", shown(&tip.author)))?;
        output.line(&format!("  committer {}", shown(&tip.committer)))?;
        output.line(&format!("  {}", escaped(&tip.signed)))?;
    }
    let commits = counted(brought.count, "commit", "commits");
    output.line(&match brought.over {
        Over::Present(base) => format!("it brings {commits} over {}, which {target} is now:", base.short()),
        Over::Default(base) => {
            format!("{target} is not at {there}; it brings {commits} over {}, which HEAD is there:", base.short())
        }
        Over::Before(base) if brought.count > 0 => {
            format!("it brought {commits} over {}, which {target} was before:", base.short())
        }
        Over::Before(base) => {
            let gone = counted(brought.lacks, "commit", "commits");
            format!("it took {gone} away from {target}, which was {} before:", base.short())
        }
        Over::Nothing => format!("nothing is at {there}; it brings {commits}:"),
        Over::Parent(_) if remote.has(name.name()) => format!("{target} has it already; this commit alone:"),
        Over::Parent(_) => format!("{target} is not at {there}, and HEAD there has it already; this commit alone:"),
    })?;
    for commit in &brought.newest {
        output.line(&format!("  {}", line_of(commit)))?;
    }
    let listed = u64::try_from(brought.newest.len()).unwrap_or(u64::MAX);
    let all = if brought.count == 0 { brought.lacks } else { brought.count };
    and_more(all.saturating_sub(listed), output)?;
    let paths = &brought.paths;
    if paths.count == 0 {
        output.line("it changes no path")?;
        return output.flush();
    }
    let files = counted(paths.count, "path", "paths");
    let added = counted(paths.added, "line", "lines");
    output.line(&format!("it changes {files}, {added} added, {} removed:", paths.removed))?;
    for Changed { lines, path } in &paths.first {
        let numbers = lines.map_or_else(|| "binary".to_owned(), |(added, removed)| format!("+{added} -{removed}"));
        output.line(&format!("  {numbers:<12} {}", shown(path)))?;
    }
    let listed = u64::try_from(paths.first.len()).unwrap_or(u64::MAX);
    and_more(paths.count.saturating_sub(listed), output)?;
    output.flush()
}

fn line_of(commit: &Shown) -> String {
    let Shown { id, subject, author, committer, signed } = commit;
    let by = match author == committer {
        true => shown(author),
        false => format!("{}, committed by {}", shown(author), shown(committer)),
    };
    format!("{} \"{}\", {by}, {}", id.short(), shown(subject), escaped(signed))
}

fn and_more(count: u64, output: &mut Output) -> Result<(), Undecided> {
    if count > 0 { output.line(&format!("  and {count} more")) } else { Ok(()) }
}

/// What may surprise whoever approves this.
pub(super) fn warnings(proposal: &Proposal, settles: bool) -> String {
    let Proposal { name, remote, brought, emails, shallow, .. } = proposal;
    let there = remote.name.to_string_lossy();
    let mut said = Vec::new();
    if let Some(newest) = brought.own.first() {
        let more = brought.own.len().saturating_sub(1);
        let more = if more > 0 { format!(" and {more} more are") } else { " is".to_owned() };
        said.push(format!("warning: {}{more} your own work ({})", newest.short(), emails.join(", ")));
        said.push("  who wrote or committed any of it is no second person: the server will not count this".to_owned());
    }
    if !brought.all_looked_at {
        said.push("warning: only the newest of the commits were looked at for whether they are your own".to_owned());
    }
    let happened = matches!(brought.over, Over::Parent(_) | Over::Before(_));
    if brought.lacks > 0 && !happened {
        let behind = counted(brought.lacks, "commit", "commits");
        said.push(format!("warning: {} has {behind} that it lacks", name.name()));
        said.push(
            "  once they are merged into it, that is another commit, and this approval is not about it".to_owned(),
        );
    }
    if *shallow {
        said.push("warning: history is cut off in this clone: it may bring more than is listed".to_owned());
    }
    if matches!(brought.over, Over::Parent(_)) && remote.has(name.name()) && !settles {
        said.push(format!("warning: {} has it already, so no push will ask for this approval", name.name()));
    }
    if !remote.has_branch_at(name.commit()) && !happened {
        said.push(format!(
            "note: it is the tip of no branch at {there}; what of it is not there yet comes with the approval"
        ));
    }
    lines(&said)
}

/// The commands of git that do the same.
pub(super) fn by_hand(proposal: &Proposal, human: bool, output: &mut Output) -> Result<(), Undecided> {
    let Proposal { name, remote, message, .. } = proposal;
    let tag = word(name.tag_name());
    let paragraphs: String =
        message.trim_end().split("\n\n").map(|part| format!(" -m '{}'", part.replace('\'', "'\\''"))).collect();
    let refspec = [b"refs/tags/", name.tag_name(), b":", name.to_ref().as_bytes()].concat();
    let commands = [
        format!("git tag -s{paragraphs} {tag} {}", name.commit()),
        format!("git push {} {}", word(remote.name.as_bytes()), word(&refspec)),
        format!("git tag -d {tag}"),
    ];
    if human {
        output.line("nothing is signed; the same by git itself:")?;
        // Only the approver's own message may go on in a next line, whose beginning is a part of it.
        let whole = |command: &String| command.split('\n').map(escaped).collect::<Vec<_>>().join("\n");
        return commands.iter().try_for_each(|command| output.line(&format!("  {}", whole(command))));
    }
    output.line(&for_programs(proposal, None, false, &commands))
}

/// `commands` are what is left to be typed.
fn for_programs(proposal: &Proposal, tag: Option<ObjectId>, pushed: bool, commands: &[String]) -> String {
    let Proposal { name, remote, brought, .. } = proposal;
    let own: Vec<_> = brought.own.iter().map(ToString::to_string).collect();
    let value = json!({
        "schema": SCHEMA, "ref": bytes(name.name().as_bytes()), "commit": name.commit().to_string(),
        "signer": name.signer(), "remote": bytes(remote.name.as_bytes()),
        "present": remote.peeled(name.name()).map(|id| id.to_string()), "commits": brought.count, "own": own,
        "paths": brought.paths.count, "approval": bytes(name.to_ref().as_bytes()),
        "tag": tag.map(|id| id.to_string()), "pushed": pushed, "commands": commands,
    });
    value.to_string()
}

/// That it is signed, and where it is.
pub(super) fn made(
    proposal: &Proposal,
    made: &Made,
    pushed: bool,
    human: bool,
    output: &mut Output,
) -> Result<(), Undecided> {
    let push = push_again(proposal, made);
    if !human {
        let commands = if pushed { Vec::new() } else { vec![push] };
        return output.line(&for_programs(proposal, Some(made.id), pushed, &commands));
    }
    let (at, there) = (shown(proposal.name.to_ref().as_bytes()), shown(proposal.remote.name.as_bytes()));
    if pushed {
        output.line(&format!("approved, {}: {at} at {there}", escaped(&made.signed)))
    } else {
        output.line(&format!("the tag is {}, {}; it is not at {there}", made.id, escaped(&made.signed)))?;
        output.line(&format!("push it: {}", escaped(&push)))
    }
}

fn push_again(proposal: &Proposal, made: &Made) -> String {
    let refspec = [format!("{}:", made.id).as_bytes(), proposal.name.to_ref().as_bytes()].concat();
    format!("git push {} {}", word(proposal.remote.name.as_bytes()), word(&refspec))
}

/// The server has said why, if it was reached.
pub(super) fn not_pushed(proposal: &Proposal, made: &Made) -> String {
    lines(&[
        format!("error: {} did not take the approval", proposal.remote.name.to_string_lossy()),
        format!("hint: if nothing is wrong with it, push it again: {}", push_again(proposal, made)),
    ])
}

pub(super) fn not_signed() -> String {
    lines(&[
        "error: git did not sign the tag, so nothing is approved".to_owned(),
        "hint: it signs with `user.signingkey`, by `gpg.format`: openpgp, ssh or x509 (git help config)".to_owned(),
    ])
}

pub(super) fn unfit_id(id: &str) -> String {
    format!("`{id}` cannot be a part of a ref's name; the server's administrator has to give you another id")
}

pub(super) fn stands_already(name: &ApprovalName, remote: &Remote) -> String {
    let there = word(remote.name.as_bytes());
    lines(&[
        format!("error: {} is at {there} already, and an approval is never moved", name.to_ref()),
        format!(
            "hint: to approve anew, take it away first: git push {there} {}",
            word(&[b":", name.to_ref().as_bytes()].concat())
        ),
    ])
}

/// What the clone lacks cannot be looked at.
pub(super) fn to_fetch(remote: &Remote, target: &RefName, absent: ObjectId) -> String {
    let there = word(remote.name.as_bytes());
    let (name, wanted) = match remote.has(target) {
        true => (target.to_string(), word(target.as_bytes())),
        false => ("HEAD".to_owned(), "HEAD".to_owned()),
    };
    lines(&[
        format!(
            "error: {name} is {absent} at {there}, which this clone lacks, so it cannot be said what would be approved"
        ),
        format!("hint: git fetch {there} {wanted}"),
    ])
}

pub(super) fn no_commit(commit: &OsStr, remote: &OsStr) -> String {
    lines(&[
        format!("error: this clone has no commit `{}`", commit.to_string_lossy()),
        format!("hint: fetch it first: git fetch {}", word(remote.as_bytes())),
        "hint: if it is on no branch there, whoever made it has to push it to one that they may push to".to_owned(),
    ])
}

pub(super) fn no_former(commit: &OsStr) -> String {
    lines(&[
        format!("error: this clone has no commit `{}`, which the ref held before", commit.to_string_lossy()),
        "hint: fetch first; if it is on no branch there any more, leave --over out, and see the commit alone"
            .to_owned(),
    ])
}

/// So that it need not be said again.
pub(super) fn remember(id: &str) -> String {
    lines(&[format!("hint: to be called so from now on: git config countersign.id {}", word(id.as_bytes()))])
}
