//! Whose a commit is on a rule's terms: the one who signed it, or for whom a forge did.

use super::facts::{CommitFacts, Context, Forges, Terms, Via};
use crate::registry::{Attribution, Fault, Kind, Signer, VerifiedSigner, When};
use std::sync::Arc;

/// Whose a commit is. All requirements of a rule judge by the same answer.
#[derive(Clone, Debug)]
pub enum Whose {
    /// Nobody's: it is not signed.
    Unsigned,
    /// Nobody's: its signature does not count.
    NotGood(Fault),
    /// Of the one who signed it.
    Signers(VerifiedSigner),
    /// Of whoever acted on a forge, which signed for them: who, and the forge's signature.
    Actors(Arc<Signer>, VerifiedSigner),
    /// Nobody's: a forge signed it, and its signature counts for nobody here.
    Forges(VerifiedSigner, ForgeFault),
}

/// Why a forge's signature counts for nobody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ForgeFault {
    /// The push is no merge or edit in the forge's web interface, as far as it is known.
    NotItsAction,
    /// Nobody knows who acted.
    UnknownActor,
    /// The rule takes merges of two parents that change nothing of their own, and this is none.
    NotAMerge,
}

impl Whose {
    /// Who it is judged as; `None`: nobody.
    pub fn signer(&self) -> Option<&Signer> {
        match self {
            Self::Signers(signer) => Some(signer.signer()),
            Self::Actors(person, _) => Some(person),
            Self::Unsigned | Self::NotGood(_) | Self::Forges(..) => None,
        }
    }
}

pub(super) fn whose(facts: &CommitFacts<'_>, context: &Context<'_>) -> Whose {
    let Terms { verify_time, grace, forge } = context.terms;
    let stated = Some(facts.commit.committer.time);
    let (now, received) = (context.now, facts.received);
    let when = When { now, received, verify_time, grace, stated };
    let signed = match context.registry.attribute(facts.signature, &when) {
        Attribution::Unsigned => return Whose::Unsigned,
        Attribution::NotGood(fault) => return Whose::NotGood(fault),
        Attribution::Good(signed) => signed,
    };
    if signed.signer().kind != Kind::Forge || forge == Forges::Refuse {
        return Whose::Signers(signed);
    }
    match actor(facts, context) {
        Ok(person) => Whose::Actors(person, signed),
        Err(fault) => Whose::Forges(signed, fault),
    }
}

/// For whom the forge signs.
fn actor(facts: &CommitFacts<'_>, context: &Context<'_>) -> Result<Arc<Signer>, ForgeFault> {
    match context.pusher.via {
        Some(Via::Merge | Via::Edit | Via::Web) => {}
        Some(Via::Push) | None => return Err(ForgeFault::NotItsAction),
    }
    let adds_nothing = facts.commit.parents.len() == 2 && facts.changes.is_some_and(<[_]>::is_empty);
    if context.terms.forge == Forges::Merges && !adds_nothing {
        return Err(ForgeFault::NotAMerge);
    }
    let here = |person: &&Arc<Signer>| person.until.is_none_or(|until| context.now < until);
    context.pusher.signer.as_ref().filter(here).cloned().ok_or(ForgeFault::UnknownActor)
}
