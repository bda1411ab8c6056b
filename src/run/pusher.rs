//! Who pushed, as one policy and its registry see it: by the push certificate, else by what the policy's `server` says.

use super::{Case, Loaded};
use crate::{
    Undecided,
    bounds::Bounds,
    ledger::Digest,
    object::{Signed, Slot},
    policy::{
        CertificateFault, Server,
        facts::{Certified, Pusher, Via},
    },
    push::{
        Evidence, Push, PushCertificate, Timestamp,
        evidence::{Certificate, Recorded},
    },
    registry::{Attribution, Holder, Registry, Signer, SignerId, VerifyTime, When},
    signature::{self, ssh},
};
use std::sync::Arc;

/// The pusher, and why their push certificate does not count, if there is one that does not.
pub(super) fn pusher(case: &Case<'_>, loaded: &Loaded) -> Result<(Pusher, Option<CertificateFault>), Undecided> {
    if let Some(recorded) = &case.evidence.recorded {
        return Ok((of_record(recorded, &loaded.registry), None));
    }
    let account = Account::stated(loaded, case.evidence, case.now);
    let mut pusher = account.pusher(loaded.policy.server, case.evidence);
    let signer = match &case.evidence.certificate {
        Certificate::Absent | Certificate::Unseen => return Ok((pusher, None)),
        Certificate::TooLarge => Err(CertificateFault::TooLarge),
        Certificate::Received { text, nonce_status } => certified(case, text, nonce_status, &loaded.registry),
    };
    let signer = signer.and_then(|signer| match account.owner() {
        Some(owner) if signer.id != owner.id => {
            Err(CertificateFault::OtherPerson(signer.id.0.clone(), owner.id.0.clone()))
        }
        Some(_) | None => Ok(signer),
    });
    let signer = if signer.is_ok() && is_seen(case)? { Err(CertificateFault::Seen) } else { signer };
    Ok(match signer {
        Ok(signer) => {
            pusher.signer = Some(signer);
            pusher.certified = Certified::Yes;
            pusher.why_unknown.clear();
            (pusher, None)
        }
        Err(fault) => {
            pusher.certified = Certified::Refused;
            (pusher, Some(fault))
        }
    })
}

/// Who pushed in the past, as it was found out then, and as far as the registry still knows them.
fn of_record(recorded: &Recorded, registry: &Registry) -> Pusher {
    let signer = recorded.id.as_ref().and_then(|id| registry.signer(&SignerId(id.clone())));
    let why_unknown = match (&recorded.id, signer) {
        (Some(id), None) => format!("`{id}` is not in the registry any more"),
        _ => recorded.why_unknown.clone(),
    };
    Pusher {
        signer: signer.map(|signer| Arc::new(signer.clone())),
        account: recorded.account.clone(),
        certified: if recorded.is_certified { Certified::Yes } else { Certified::No },
        via: recorded.via.as_deref().and_then(|via| match via {
            "push" => Some(Via::Push),
            "merge" => Some(Via::Merge),
            "edit" => Some(Via::Edit),
            "web" => Some(Via::Web),
            _ => None,
        }),
        why_unknown,
    }
}

/// Whether a push with what is signed of this certificate was accepted. Without a ledger, git's nonce alone limits how long it can be sent again.
fn is_seen(case: &Case<'_>) -> Result<bool, Undecided> {
    match (&case.evidence.certificate, case.memory) {
        (Certificate::Received { text, .. }, Some(memory)) => {
            memory.is_certificate_seen(Digest::of(PushCertificate::payload_of(text)))
        }
        (Certificate::Received { .. } | Certificate::Absent | Certificate::Unseen | Certificate::TooLarge, _) => {
            Ok(false)
        }
    }
}

/// Who signed a certificate that counts.
fn certified(
    case: &Case<'_>,
    text: &[u8],
    nonce_status: &[u8],
    registry: &Registry,
) -> Result<Arc<Signer>, CertificateFault> {
    let (now, format) = (case.now, case.repository.format());
    let certificate =
        PushCertificate::parse(text, format).map_err(|invalid| CertificateFault::Malformed(invalid.to_string()))?;
    let signed = Signed { payload: certificate.payload.into(), signature: certificate.signature.into() };
    let signature = signature::verify(&Slot::One(signed), registry.certificates());
    let when = When { now, received: None, verify_time: VerifyTime::Receipt, grace: 0, stated: None };
    let signer = match registry.attribute(&signature, &when) {
        Attribution::Good(signer) => Arc::new(signer.signer().clone()),
        Attribution::Unsigned => return Err(CertificateFault::Signature("unsigned".to_owned(), None)),
        Attribution::NotGood(fault) => {
            let key = fault.key.map(|key| format!("the key {key}"));
            let detail = [key, fault.detail].into_iter().flatten().collect::<Vec<_>>().join(", ");
            let detail = Some(detail).filter(|detail| !detail.is_empty());
            return Err(CertificateFault::Signature(fault.status.name().to_owned(), detail));
        }
    };
    if nonce_status != b"OK" {
        return Err(CertificateFault::Nonce(String::from_utf8_lossy(nonce_status).into_owned()));
    }
    if !states_exactly(&certificate.push, case.push) {
        return Err(CertificateFault::OtherUpdates);
    }
    Ok(signer)
}

/// Whether it states these updates and no others, in any order. Neither names a ref twice.
fn states_exactly(certificate: &Push, push: &Push) -> bool {
    fn sorted(push: &Push) -> Vec<&crate::push::RefUpdate> {
        let mut updates: Vec<_> = push.updates.iter().collect();
        updates.sort_by(|one, other| one.name.cmp(&other.name));
        updates
    }
    sorted(certificate) == sorted(push)
}

/// Whose account, or whose key, the Git server states.
struct Account {
    name: Option<String>,
    holder: Option<Holder>,
    why_unknown: String,
}

impl Account {
    fn unknown(why: impl Into<String>) -> Self {
        Self { name: None, holder: None, why_unknown: why.into() }
    }

    fn stated(loaded: &Loaded, evidence: &Evidence, now: Timestamp) -> Self {
        let Some(server) = loaded.policy.server else {
            return Self::unknown("the policy names no `server` whose word it takes");
        };
        let Some(variable) = server.account_variable() else {
            return Self::of_keys(evidence, &loaded.registry, now);
        };
        let names = server.account(evidence);
        let Some(name) = names.first().cloned() else {
            return Self::unknown(format!("the server does not say (`{variable}` is not set)"));
        };
        if names.iter().any(|name| name.len() > Bounds::ACCOUNT) {
            return Self::unknown("the account has a name longer than 256 bytes");
        }
        let holder = loaded.registry.holder_of_account(server.name(), &names, now);
        let why_unknown = holder.why_unknown().map(|why| format!("the account `{name}` {why}")).unwrap_or_default();
        Self { name: Some(name), holder: Some(holder), why_unknown }
    }

    /// By the keys that sshd authenticated, who must all be one person's.
    fn of_keys(evidence: &Evidence, registry: &Registry, now: Timestamp) -> Self {
        if evidence.authentication.is_none() {
            return Self::unknown("sshd does not say which key it was (`ExposeAuthInfo yes`)");
        }
        let mut found: Option<Arc<Signer>> = None;
        for key in evidence.authenticated_keys() {
            let Some((algorithm, base64)) = key else {
                return Self::unknown("what sshd says of the key is not readable");
            };
            let (key, used) = match ssh::authenticated(algorithm, base64) {
                Ok(read) => read,
                Err(why) => return Self::unknown(format!("the key that sshd names cannot be used: {why}")),
            };
            let signer = match registry.holder(&key, &used, now) {
                Ok(signer) => signer,
                Err(why) => return Self::unknown(format!("the key {key} {why}")),
            };
            match &found {
                Some(other) if other.id != signer.id => {
                    return Self::unknown(format!("sshd names keys of `{}` and `{}`", other.id.0, signer.id.0));
                }
                Some(_) | None => found = Some(signer),
            }
        }
        match found {
            Some(signer) => Self { name: None, holder: Some(Holder::Of(signer)), why_unknown: String::new() },
            None => Self::unknown("sshd let them in without a key"),
        }
    }

    /// Whose it is, also if they have left.
    fn owner(&self) -> Option<&Arc<Signer>> {
        match self.holder.as_ref()? {
            Holder::Of(signer) | Holder::Left(signer, _) => Some(signer),
            Holder::Nobody | Holder::Several(_) => None,
        }
    }

    fn pusher(&self, server: Option<Server>, evidence: &Evidence) -> Pusher {
        let signer = match &self.holder {
            Some(Holder::Of(signer)) => Some(Arc::clone(signer)),
            Some(Holder::Left(..) | Holder::Nobody | Holder::Several(_)) | None => None,
        };
        Pusher {
            signer,
            account: self.name.clone(),
            certified: Certified::No,
            via: server.and_then(|server| server.via(evidence)),
            why_unknown: self.why_unknown.clone(),
        }
    }
}
