//! The judgement on one signature: whose it is, and whether the key was good at the judged time.

use super::{
    Attribution, Barred, Fault, Registry, Signer, Status, VerifiedSigner, VerifyTime, When,
    attribution::NOBODYS,
    book::Holding,
    key_states::{KeyState, StatedKey},
    resolution::{Owner, one},
    window::{Moment, Phase, Window, is_ahead, written},
};
use crate::{
    push::Timestamp,
    signature::{
        Bad, Defect, Evidence, Fingerprint, Signature, UserCheck,
        openpgp::{SignedBy, Validity},
        ssh::{Certificate, PublicKey},
    },
};
use std::{iter, sync::Arc};

/// Critical options that OpenSSH knows (PROTOCOL.certkeys): these restrict logging in, not signing, and `ssh-keygen -Y
/// verify` passes over them. An option beside these and `verify-required` may mean anything.
const ABOUT_LOGGING_IN: [&str; 2] = ["force-command", "source-address"];

/// The signature counts only if the security key checked who its user is (PROTOCOL.certkeys).
const VERIFY_REQUIRED: &str = "verify-required";

impl Registry {
    /// Whose signature it is, and whether it counts. Never cached: it depends on the time.
    pub fn attribute(&self, signature: &Signature, when: &When) -> Attribution {
        let proof = match signature {
            Signature::Absent => return Attribution::Unsigned,
            Signature::Bad(bad) => return Attribution::NotGood(Fault::of_bad(bad, when.now)),
            Signature::Verified(proof) => proof,
        };
        match self.judge(proof.key(), proof.evidence(), proof.user_check(), when) {
            Ok(signer) => Attribution::Good(VerifiedSigner::new(signer, proof.clone())),
            Err(refusal) => Attribution::NotGood(Fault {
                status: refusal.status,
                detail: refusal.detail.map(shortened),
                format: Some(proof.format()),
                key: Some(proof.key().clone()),
                signer: refusal.owner.map(|owner| owner.id.clone()),
                barred: refusal.barred,
            }),
        }
    }

    /// Whose key it is by which sshd let somebody in: judged as one that signs now.
    ///
    /// # Errors
    /// Why it is nobody's, or does not count: to be read after "the key SHA256:…".
    pub fn holder(&self, key: &Fingerprint, evidence: &Evidence, now: Timestamp) -> Result<Arc<Signer>, String> {
        let when = When { now, received: None, verify_time: VerifyTime::Receipt, grace: 0, stated: None };
        // What a certificate demands of a security key, sshd has seen to.
        let judged = self.judge(key, evidence, Some(UserCheck::Verification), &when);
        judged.map_err(|refusal| {
            let what = match refusal.status {
                Status::UnknownKey => "counts for nobody".to_owned(),
                Status::KeyRevoked => "is revoked".to_owned(),
                Status::KeyRetired => "is retired".to_owned(),
                Status::KeyCompromised => "is compromised".to_owned(),
                Status::KeyExpired | Status::CertificateExpired => "has expired".to_owned(),
                Status::KeyNotYetValid => "is not valid yet".to_owned(),
                other @ (Status::Bad
                | Status::SignatureExpired
                | Status::SignatureInFuture
                | Status::Weak
                | Status::Malformed
                | Status::Ambiguous
                | Status::Unsupported
                | Status::TimeUnproven) => format!("does not count ({})", other.name()),
            };
            what + &refusal.detail.map(|detail| format!(": {}", shortened(detail))).unwrap_or_default()
        })
    }

    fn judge(&self, key: &Fingerprint, evidence: &Evidence, user: Option<UserCheck>, when: &When) -> Judged {
        let judged = match evidence {
            Evidence::Ssh(public) => self.judge_key(public, key, when),
            Evidence::SshCert(certificate) => self.judge_certificate(certificate, user, when),
            Evidence::OpenPgp(signed_by) => self.judge_openpgp(signed_by, when),
        };
        self.unless_taken_back(judged, key, evidence, when)
    }

    /// What `signers.toml` says of the key, its authority and its signer. Compromise comes before all else but a date
    /// ahead of the clock; that a key or signer is out of use comes after what voids more, and before what time did.
    fn unless_taken_back(&self, judged: Judged, key: &Fingerprint, evidence: &Evidence, when: &When) -> Judged {
        let (status, owner) = match &judged {
            Ok(signer) => (None, Some(signer)),
            Err(refusal) => (Some(refusal.status), refusal.owner.as_ref()),
        };
        if status == Some(Status::SignatureInFuture) {
            return judged;
        }
        let states = &self.shelf.people.states;
        let behind = if states.keys.is_empty() { Vec::new() } else { keys_behind(key, evidence) };
        let stated = states.gravest(&behind, when.receipt());
        if let Some(stated) = stated.filter(|stated| stated.state == KeyState::Compromised) {
            return Err(Refusal { owner: owner.cloned(), ..Refusal::of_state(stated, key, evidence) });
        }
        if let Some(Status::KeyRevoked | Status::Bad | Status::Unsupported) = status {
            return judged;
        }
        if let Some((signer, until)) = owner.and_then(|signer| Some((signer, signer.until?)))
            && until <= when.receipt()
        {
            let left = Status::KeyRetired.because(format!("`{}` left on {}", signer.id.0, written(until)));
            return Err(Refusal { owner: Some(Arc::clone(signer)), barred: Barred::Signer, ..left });
        }
        match stated {
            Some(stated) => Err(Refusal { owner: owner.cloned(), ..Refusal::of_state(stated, key, evidence) }),
            None => judged,
        }
    }

    /// A plain key: one of its lines has to hold.
    fn judge_key(&self, public: &PublicKey, key: &Fingerprint, when: &When) -> Judged {
        let moment = Moment::of_ssh(when).ok_or(Status::SignatureInFuture)?;
        let book = self.shelf.about(public, key, &[]);
        let lines = book.allowed.keys.get(key).map_or(&[][..], Vec::as_slice);
        if self.revoked.holds(public) {
            let owner = book.roster.of_key(key, lines.iter().copied());
            return Err(Refusal::from(Status::KeyRevoked).of(lines.first().map(|_| owner)));
        }
        match book.holding(lines, &moment) {
            Holding::All => owned(book.owners.get(key).cloned().unwrap_or_else(|| Err(NOBODYS.into()))),
            Holding::Some(lines) => owned(book.roster.of_key(key, lines.into_iter())),
            Holding::None => Err(Status::UnknownKey.because(book.why_unknown(key))),
            Holding::Over(phase) => {
                let refusal = Refusal::of_window(&phase, Status::KeyExpired);
                Err(refusal.of(Some(book.roster.of_key(key, lines.iter().copied()))))
            }
        }
    }

    /// A certified key: a line of the authority has to hold and admit one of the certificate's principals (sshkey.c,
    /// `sshkey_cert_check_authority`; stricter on critical options, which that leaves to sshd).
    fn judge_certificate(&self, certificate: &Certificate, user: Option<UserCheck>, when: &When) -> Judged {
        let moment = Moment::of_ssh(when).ok_or(Status::SignatureInFuture)?;
        let authority = certificate.authority.fingerprint();
        let book = self.shelf.about(&certificate.authority, &authority, &certificate.principals);
        let lines = book.allowed.authorities.get(&authority).map_or(&[][..], Vec::as_slice);
        let admitting: Vec<usize> = lines.iter().copied().filter(|&place| book.admits(place, certificate)).collect();
        let owner = |places: &[usize]| {
            book.roster.of_certificate(certificate, places.iter().filter_map(|&place| book.allowed.lines.get(place)))
        };
        let whose = || (!admitting.is_empty()).then(|| owner(&admitting));
        if let Some(revoked) = self.revoked.of_certificate(certificate) {
            let refusal = Refusal { detail: revoked.detail(certificate), ..Status::KeyRevoked.into() };
            return Err(refusal.of(whose()));
        }
        if lines.is_empty() {
            let unknown = format!("no `cert-authority` line has the authority that certified it, {authority}");
            return Err(Status::UnknownKey.because(unknown));
        }
        if !certificate.is_user {
            return Err(Status::UnknownKey.because("its certificate is a host's, not a user's".into()));
        }
        for option in &certificate.critical_options {
            if option == VERIFY_REQUIRED && user != Some(UserCheck::Verification) {
                let unverified = "its certificate demands that the security key verify its user, and it did not";
                return Err(Status::Bad.because(unverified.into()).of(whose()));
            }
            if option != VERIFY_REQUIRED && !ABOUT_LOGGING_IN.contains(&option.as_str()) {
                let unknown = format!("its certificate has the critical option `{option}`");
                return Err(Status::Unsupported.because(unknown).of(whose()));
            }
        }
        if admitting.is_empty() {
            return Err(Status::UnknownKey.because(match certificate.principals.is_empty() {
                true => "its certificate names no principal".into(),
                false => format!("no line of its authority admits {}", quoted(&certificate.principals)),
            }));
        }
        let phase = certificate_window(certificate).phase(&moment);
        if phase != Phase::Within {
            return Err(Refusal::of_window(&phase, Status::CertificateExpired).of(whose()));
        }
        match book.holding(&admitting, &moment) {
            Holding::All | Holding::None => owned(owner(&admitting)),
            Holding::Some(places) => owned(owner(&places)),
            Holding::Over(phase) => {
                let mut refusal = Refusal::of_window(&phase, Status::KeyExpired).of(whose());
                let when = refusal.detail.map(|when| format!(", {when}")).unwrap_or_default();
                refusal.detail = Some(format!("the line of its authority in `allowed_signers`{when}"));
                Err(refusal)
            }
        }
    }

    /// One key may be in several certificates. It is nobody's unless all are one person's; one that lets it sign suffices,
    /// if none says that it may be in other hands.
    fn judge_openpgp(&self, signed_by: &SignedBy, when: &When) -> Judged {
        let certificates: Vec<_> = signed_by.by_each_certificate().collect();
        let owner = || {
            let owners = certificates.iter().map(|each| self.owner_of_certificate(each.certificate(), when.now));
            let owners = owners.collect::<Result<Vec<_>, _>>()?;
            one(owners.into_iter(), iter::empty())
        };
        let mut judged = judge_by_certificate(signed_by, &owner, when);
        let is_lost = |certificate: &SignedBy| when.received.is_none() && certificate.is_revoked_for_good();
        let lost = certificates.len() > 1 && certificates.iter().any(is_lost);
        for other in certificates.iter().skip(1) {
            judged = judged.or_else(|refusal| judge_by_certificate(other, &owner, when).or(Err(refusal)));
        }
        match judged {
            Ok(_) if lost => Err(Refusal::from(Status::KeyRevoked).of(Some(owner()))),
            judged => judged,
        }
    }
}

fn judge_by_certificate(signed_by: &SignedBy, owner: &dyn Fn() -> Owner, when: &When) -> Judged {
    let made = signed_by.stated_time();
    let moment = Moment::of_openpgp(made, when).ok_or(Status::SignatureInFuture)?;
    let validity = |at| match when.received {
        None => signed_by.validity(at, when.now),
        Some(_) => signed_by.validity_once_received(at, when.now),
    };
    let refusal = match validity(moment.at) {
        Validity::Good => return owned(owner()),
        Validity::KeyExpired { end } => {
            let in_grace = when.receipt().0 < end.0.saturating_add(when.grace);
            if in_grace && validity(made) == Validity::Good {
                return owned(owner());
            }
            Status::KeyExpired.because(good_until(end))
        }
        Validity::SignatureInFuture => return Err(Status::SignatureInFuture.into()),
        Validity::SignatureExpired => Status::SignatureExpired.into(),
        Validity::KeyNotYetValid => Status::KeyNotYetValid.into(),
        Validity::KeyRevoked => Status::KeyRevoked.into(),
    };
    Err(refusal.of(Some(owner())))
}

/// Both ends still count; the certificate's own end does not (PROTOCOL.certkeys: `valid after <= now < valid before`).
fn certificate_window(certificate: &Certificate) -> Window {
    let end = certificate.valid_before.0;
    let last = if end == i64::MAX { Window::OPEN.last } else { Timestamp(end.saturating_sub(1)) };
    Window { first: certificate.valid_after, last }
}

/// Every key whose state matters to the signature: the signer's own first, then what speaks for it.
fn keys_behind(key: &Fingerprint, evidence: &Evidence) -> Vec<Fingerprint> {
    let mut keys = vec![key.clone()];
    keys.extend(match evidence {
        Evidence::Ssh(_) => Vec::new(),
        Evidence::SshCert(certificate) => vec![certificate.authority.fingerprint()],
        Evidence::OpenPgp(signed_by) => {
            let certificates = signed_by.by_each_certificate().map(|each| each.certificate().clone());
            certificates.chain([signed_by.signing_key()]).collect()
        }
    });
    keys
}

fn good_until(end: Timestamp) -> String {
    format!("it was good until {}", written(end))
}

fn owned(owner: Owner) -> Judged {
    owner.map_err(|why| Status::UnknownKey.because(why))
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Whose signature it is, or why it does not count.
type Judged = Result<Arc<Signer>, Refusal>;

/// What becomes a [`Fault`].
struct Refusal {
    status: Status,
    detail: Option<String>,
    /// Whose it would be.
    owner: Option<Arc<Signer>>,
    barred: Barred,
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self { status, detail: None, owner: None, barred: Barred::Key }
    }
}

impl Refusal {
    fn of_window(phase: &Phase, expired: Status) -> Self {
        match phase {
            Phase::Ended(end) => expired.because(good_until(*end)),
            Phase::NotYet | Phase::Within => Status::KeyNotYetValid.into(),
        }
    }

    /// Whose it would be.
    fn of(self, owner: Option<Owner>) -> Self {
        Self { owner: owner.and_then(Result::ok), ..self }
    }

    fn of_state(stated: &StatedKey, key: &Fingerprint, evidence: &Evidence) -> Self {
        let which = match evidence {
            _ if stated.fingerprint == *key => String::new(),
            Evidence::Ssh(_) => String::new(),
            Evidence::SshCert(_) => format!("the authority that certified it, {}, ", stated.fingerprint),
            Evidence::OpenPgp(signed_by) if stated.fingerprint == signed_by.signing_key() => {
                format!("its subkey {}, ", stated.fingerprint)
            }
            Evidence::OpenPgp(_) => format!("which {} has, too, ", stated.fingerprint),
        };
        let status = match stated.state {
            KeyState::Retired => Status::KeyRetired,
            KeyState::Compromised => Status::KeyCompromised,
        };
        status.because(format!("{which}{}", stated.since_and_why()))
    }
}

impl Status {
    fn because(self, detail: String) -> Refusal {
        Refusal { detail: Some(detail), ..self.into() }
    }
}

/// Details may quote a signature or certificate, which has room for tens of thousands of characters of anybody's choice: in
/// each of a thousand commits others. In characters.
const LONGEST_DETAIL: usize = 1000;

fn shortened(detail: String) -> String {
    match detail.char_indices().nth(LONGEST_DETAIL) {
        Some((end, _)) => format!("{}…", detail.get(..end).unwrap_or_default()),
        None => detail,
    }
}

impl Fault {
    /// A date ahead of the clock comes before what is wrong with the key.
    fn of_bad(bad: &Bad, now: Timestamp) -> Self {
        let ahead = bad.made.is_some_and(|made| is_ahead(made, now));
        let (status, detail) = match &bad.defect {
            Defect::Improper(_) | Defect::KeyNotHeld | Defect::Weak(_) if ahead => (Status::SignatureInFuture, None),
            Defect::DoesNotVerify => (Status::Bad, None),
            Defect::Improper(what) => (Status::Bad, Some(what.clone())),
            Defect::KeyNotHeld => (Status::UnknownKey, None),
            Defect::Weak(what) => (Status::Weak, Some(what.clone())),
            Defect::Malformed(what) => (Status::Malformed, Some(what.clone())),
            Defect::Ambiguous => (Status::Ambiguous, None),
            Defect::Unsupported(what) => (Status::Unsupported, Some(what.clone())),
        };
        Self {
            status,
            detail: detail.map(shortened),
            format: bad.format,
            key: bad.key.clone(),
            signer: None,
            barred: Barred::Key,
        }
    }
}
