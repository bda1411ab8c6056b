//! What arrives from git.

use super::{assert_escapable, known, object::last_armor, signature::assert_sealed};
use countersign::{
    push::{ApprovalName, EmergencyName, ObjectFormat, Push, PushCertificate, RefName, parse_lines},
    signature::Signature,
};
use std::collections::HashSet;

const FORMATS: [ObjectFormat; 2] = [ObjectFormat::Sha1, ObjectFormat::Sha256];

/// The lines that `pre-receive` reads, in either object format. What is accepted is exactly what was written.
pub fn ref_updates(input: &[u8]) {
    let mut accepted = 0;
    for format in FORMATS {
        match parse_lines(input, format) {
            Ok(push) => {
                accepted += 1;
                assert_eq!(lines(&push, format), input);
                well_formed(&push);
            }
            Err(invalid) => assert!(invalid.line <= input.split(|&byte| byte == b'\n').count()),
        }
    }
    assert!(accepted < 2, "ids have one length");
}

fn lines(push: &Push, format: ObjectFormat) -> Vec<u8> {
    let null = || "0".repeat(format.hex_len());
    let mut out = Vec::new();
    for update in &push.updates {
        let [old, new] = [update.change.old(), update.change.new()].map(|id| id.map_or_else(null, |id| id.to_string()));
        out.extend(format!("{old} {new} ").bytes());
        out.extend(update.name.as_bytes());
        out.push(b'\n');
    }
    out
}

fn well_formed(push: &Push) {
    let names: HashSet<_> = push.updates.iter().map(|update| &update.name).collect();
    assert!(!names.is_empty() && names.len() == push.updates.len());
    for name in names {
        assert!(name.as_bytes().starts_with(b"refs/") && !name.as_bytes().iter().any(u8::is_ascii_control));
        assert_escapable(&name.to_string());
        means_what_it_says(name);
    }
}

/// The name of an approval or of a declared emergency is what its parts make.
fn means_what_it_says(name: &RefName) {
    if let Some(approval) = ApprovalName::parse(name) {
        assert_eq!(ApprovalName::new(approval.name(), approval.commit(), approval.signer()).as_ref(), Some(&approval));
        assert_eq!([b"refs/", approval.tag_name()].concat(), name.as_bytes());
    }
    if let Some(emergency) = EmergencyName::parse(name) {
        let parts = [b"refs/emergencies/", emergency.ticket(), b"/", emergency.number().as_bytes()].concat();
        assert_eq!(parts, name.as_bytes());
        assert!(!emergency.ticket().is_empty() && emergency.number().parse::<f64>().is_ok());
        assert!(ApprovalName::parse(name).is_none());
    }
}

/// A push certificate, in either object format. What is accepted is payload and signature, parted where git parts them;
/// the payload has the headers once, in their order, and then the updates.
pub fn push_certificate(input: &[u8]) {
    for format in FORMATS {
        match PushCertificate::parse(input, format) {
            Ok(certificate) => well_formed_certificate(&certificate, input, format),
            Err(invalid) => assert!(invalid.line <= input.split(|&byte| byte == b'\n').count()),
        }
    }
}

fn well_formed_certificate(certificate: &PushCertificate<'_>, input: &[u8], format: ObjectFormat) {
    assert!(!input.contains(&0));
    assert_eq!([certificate.payload, certificate.signature].concat(), input);
    // Of another kind of armor git knows nothing: it takes the whole for updates, and none of its lines is one.
    assert!(last_armor(input).is_none_or(|at| at == certificate.payload.len()));
    well_formed(&certificate.push);
    let updates = lines(&certificate.push, format);
    let head = certificate.payload.strip_suffix(&updates[..]).unwrap();
    let mut expected = vec![b"nonce ".iter().chain(certificate.nonce).copied().collect::<Vec<u8>>()];
    if let Some(pushee) = certificate.pushee {
        expected.insert(0, [b"pushee ", pushee].concat());
    }
    expected.extend(certificate.options.iter().map(|option| [b"push-option ", *option].concat()));
    let mut lines = head.strip_suffix(b"\n\n").unwrap().split(|&byte| byte == b'\n');
    assert_eq!(lines.next(), Some(&b"certificate version 0.1"[..]));
    let pusher = lines.next().unwrap().strip_prefix(b"pusher ").unwrap();
    let moment = pusher.strip_prefix(certificate.pusher).unwrap();
    assert!(!certificate.pusher.is_empty() && moment.starts_with(b" ") && certificate.time.0 >= 0);
    assert_eq!(lines.map(<[u8]>::to_vec).collect::<Vec<_>>(), expected);
    let signature = known::verified(certificate.payload, certificate.signature);
    known::judged(&signature);
    if matches!(signature, Signature::Verified(_)) {
        assert_sealed(certificate.payload, certificate.signature);
    }
}
