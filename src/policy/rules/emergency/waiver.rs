//! What a declared emergency waives, if it is a good one, and how one is declared.

use super::{Emergency, Lacking, Reason, duration};
use crate::{
    policy::{
        approval::{Approval, Approved, approvers},
        declaration::{Declaration, Form},
        facts::{Context, UpdateFacts},
        sentences::{abbreviated, shell_word},
    },
    push::{Change, ObjectId, RefUpdate, Timestamp},
    registry::{Attribution, SignerId},
    signature::Fingerprint,
};
use std::collections::BTreeSet;

/// How many may have had a hand in what it is about: all of them are recorded, as who may not review it.
const MOST_INVOLVED: usize = 128;

/// What a declared emergency waives, and what is owed for it.
#[derive(Clone, Debug)]
pub struct Waiver {
    /// The first word, raw bytes.
    pub ticket: Vec<u8>,
    /// Raw bytes.
    pub reason: Vec<u8>,
    /// Who declared it.
    pub signer: SignerId,
    /// The key they signed with.
    pub key: Fingerprint,
    /// The commit or tag that declares it.
    pub declaration: ObjectId,
    /// The SHA-256 of what is signed of that.
    pub payload: [u8; 32],
    /// Where it stands.
    pub form: Form,
    /// The commit that has to be reviewed.
    pub commit: ObjectId,
    /// The kinds of requirements that were not met, sorted.
    pub waived: Vec<&'static str>,
    /// Who had a hand in it: none of them may review it.
    pub involved: Vec<SignerId>,
    /// Who may, groups resolved.
    pub reviewers: Vec<String>,
    /// The same in words.
    pub reviewers_in_words: String,
    /// Until when.
    pub due: Timestamp,
    /// The approvals that it needed.
    pub approvals: Vec<Approval>,
    /// Who reviewed it already, by an approval that stands.
    pub settled_by: Vec<SignerId>,
}

impl Emergency {
    /// What the declaration waives, but for the kinds, which are the caller's to find.
    ///
    /// # Errors
    /// Why it waives nothing.
    pub(in crate::policy) fn judge(
        &self,
        declaration: &Declaration,
        facts: &UpdateFacts<'_>,
        context: &Context<'_>,
    ) -> Result<Waiver, Reason> {
        let no_commit = || Reason::NoDeclaration("what it is about is no commit".to_owned());
        let commit = facts.about.ok_or_else(no_commit)?;
        let said = declaration.said.as_ref().map_err(|why| Reason::NoDeclaration(why.clone()))?;
        let signed = match &declaration.signed {
            Attribution::Good(signer) => signer,
            Attribution::Unsigned => return Err(Reason::Unsigned),
            Attribution::NotGood(fault) => return Err(Reason::Signature(fault.clone())),
        };
        if said.name != facts.update.name && said.name != *facts.written {
            return Err(Reason::OtherRef(said.name.clone()));
        }
        if !self.by.includes(signed.signer()) {
            return Err(Reason::NotAllowed(signed.id().clone(), self.by.described()));
        }
        if let Some(pusher) = context.pusher.signer.as_ref().filter(|pusher| pusher.id != *signed.id()) {
            return Err(Reason::OtherPusher(signed.id().clone(), pusher.id.clone()));
        }
        if let Some(ticket) = self.ticket.as_ref().filter(|ticket| !ticket.whole.is_match(&said.ticket)) {
            return Err(Reason::OtherTicket(said.ticket.clone(), ticket.written.clone()));
        }
        if let Some(record) = declaration.used {
            return Err(Reason::Used(record));
        }
        let involved: BTreeSet<_> = facts.involved.iter().cloned().chain([signed.id().clone()]).collect();
        if involved.len() > MOST_INVOLVED {
            return Err(Reason::NoDeclaration("more people had a hand in it than are recorded, so that none of them reviews it".into()));
        }
        // That a ref went to a commit was approved once; that it goes back there, aside or away is another matter.
        let is_meant = |approval: &&Approval| approval.of == Approved::Tip && !approval.is_old;
        let tips = || facts.approvals.iter().filter(is_meant);
        let counted = approvers(tips(), &involved, |signer| self.by.includes(signer));
        let wanted = self.approvals.max(u64::from(!declaration.overdue.is_empty()));
        if u64::try_from(counted.len()).is_ok_and(|counted| counted < wanted) {
            return Err(Reason::Approvals(Box::new(Lacking {
                wanted,
                by: self.by.described(),
                counted: counted.iter().map(|approval| approval.approver.id.clone()).collect(),
                overdue: declaration.overdue.clone(),
                commit,
            })));
        }
        let reviewers = self.review_by.as_ref().unwrap_or(&self.by);
        let reviewed = approvers(tips(), &involved, |signer| reviewers.includes(signer));
        let mut approvals: Vec<Approval> = Vec::new();
        for approval in counted.iter().filter(|_| wanted > 0).chain(&reviewed) {
            if !approvals.iter().any(|held| held.tag == approval.tag) {
                approvals.push((*approval).clone());
            }
        }
        Ok(Waiver {
            ticket: said.ticket.clone(),
            reason: said.reason.clone(),
            signer: signed.id().clone(),
            key: signed.proof().key().clone(),
            declaration: declaration.object,
            payload: declaration.payload,
            form: declaration.form,
            commit,
            waived: Vec::new(),
            settled_by: reviewed.iter().map(|approval| approval.approver.id.clone()).collect(),
            approvals,
            involved: involved.into_iter().collect(),
            reviewers: reviewers.names().into_iter().collect(),
            reviewers_in_words: reviewers.described(),
            due: Timestamp(context.now.0.saturating_add(self.review_within)),
        })
    }

    /// How one is declared, for who may: by the tip of the push, or by a tag where there is no message to sign.
    pub(crate) fn hints(&self, update: &RefUpdate, about: Option<ObjectId>, gains: bool) -> Vec<String> {
        let Some(command) = command(update, about, gains) else { return Vec::new() };
        let mut hints = vec![format!("in an emergency, with TICKET and REASON filled in: {command}")];
        hints.extend(self.ticket.as_ref().map(|ticket| format!("a ticket here matches `{}`", ticket.written)));
        let reviewers = self.review_by.as_ref().unwrap_or(&self.by).described();
        let within = duration(self.review_within);
        hints.push(match self.approvals {
            0 => format!("then push again; within {within}, somebody else of {reviewers} has to review it"),
            _ => "then push again: you are told what others have to approve first".to_owned(),
        });
        hints
    }
}

/// What makes the signed object that declares it.
fn command(update: &RefUpdate, about: Option<ObjectId>, gains: bool) -> Option<String> {
    let (name, about) = (std::str::from_utf8(update.name.as_bytes()).ok()?, about?);
    if gains && update.name.is_branch() && !matches!(update.change, Change::Delete { .. }) {
        let trailer = shell_word(format!("Emergency-Ref: {name}").as_bytes())?;
        return Some(format!(
            "git commit --allow-empty -S -m 'Break glass' --trailer 'Emergency: TICKET REASON' --trailer {trailer}"
        ));
    }
    let trailer = shell_word(format!("Emergency-Ref: {name}").as_bytes())?;
    Some(format!(
        "printf '%s\\n' 'Break glass' '' 'Emergency: TICKET REASON' {trailer} | git tag -s -F - emergencies/TICKET/1 {} && \
         git push origin refs/tags/emergencies/TICKET/1:refs/emergencies/TICKET/1",
        abbreviated(about)
    ))
}

