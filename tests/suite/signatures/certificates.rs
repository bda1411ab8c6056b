//! SSH certificates field by field (OpenSSH's PROTOCOL.certkeys), made here: ssh-keygen makes no others than good ones. It
//! says of each whether it reads it.

use super::Home;
use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{Ed25519KeyPair, KeyPair},
};
use countersign::{
    push::Timestamp,
    signature::{Defect, ssh::Certificate},
};
use ssh_key::encoding::base64::{Base64, Encoding};

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn strings(list: &[&[u8]]) -> Vec<u8> {
    list.iter().flat_map(|bytes| string(bytes)).collect()
}

fn authority() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

fn ed25519(pair: &Ed25519KeyPair) -> Vec<u8> {
    strings(&[b"ssh-ed25519", pair.public_key().as_ref()])
}

/// The fields, each as it is encoded.
#[derive(Clone)]
struct Draft {
    name: Vec<u8>,
    nonce: Vec<u8>,
    subject: Vec<u8>,
    serial: Vec<u8>,
    kind: u32,
    id: Vec<u8>,
    principals: Vec<u8>,
    window: [u64; 2],
    critical_options: Vec<u8>,
    extensions: Vec<u8>,
    reserved: Vec<u8>,
    authority: Vec<u8>,
    after: Vec<u8>,
}

impl Draft {
    fn new() -> Self {
        let subject = Ed25519KeyPair::from_seed_unchecked(&[8; 32]).unwrap();
        Self {
            name: string(b"ssh-ed25519-cert-v01@openssh.com"),
            nonce: string(&[1; 32]),
            subject: string(subject.public_key().as_ref()),
            serial: 12_u64.to_be_bytes().to_vec(),
            kind: 1,
            id: string(b"laptop"),
            principals: string(&strings(&[b"alice"])),
            window: [1000, 2000],
            critical_options: string(b""),
            extensions: string(&strings(&[b"permit-pty", b""])),
            reserved: string(b""),
            authority: string(&ed25519(&authority())),
            after: Vec::new(),
        }
    }

    fn signed_part(&self) -> Vec<u8> {
        let (kind, window) = (self.kind.to_be_bytes(), self.window.map(u64::to_be_bytes).concat());
        [
            &self.name,
            &self.nonce,
            &self.subject,
            &self.serial,
            &kind[..],
            &self.id,
            &self.principals,
            &window,
            &self.critical_options,
            &self.extensions,
            &self.reserved,
            &self.authority,
        ]
        .concat()
    }

    fn signed(&self) -> Vec<u8> {
        self.with_signature(&strings(&[b"ssh-ed25519", authority().sign(&self.signed_part()).as_ref()]))
    }

    fn with_signature(&self, signature: &[u8]) -> Vec<u8> {
        [self.signed_part(), string(signature), self.after.clone()].concat()
    }
}

/// Whether ssh-keygen reads it.
fn ssh_keygen_reads(home: &Home, blob: &[u8]) -> bool {
    let length = u32::from_be_bytes(blob[..4].try_into().unwrap());
    let name = std::str::from_utf8(&blob[4..4 + usize::try_from(length).unwrap()]).unwrap();
    home.write("certificate.pub", format!("{name} {}\n", Base64::encode_string(blob)).as_bytes());
    home.run("ssh-keygen", &["-L", "-f", "certificate.pub"], b"").status.success()
}

#[test]
fn every_field_is_read() {
    let home = Home::new();
    let certificate = |draft: Draft| {
        let blob = draft.signed();
        assert!(ssh_keygen_reads(&home, &blob));
        Certificate::from_blob(&blob).unwrap()
    };
    let plain = certificate(Draft::new());
    assert_eq!((plain.is_user, plain.serial, &*plain.key_id), (true, 12, "laptop"));
    assert_eq!((plain.valid_after, plain.valid_before), (Timestamp(1000), Timestamp(2000)));
    assert_eq!((plain.principals, plain.critical_options), (vec!["alice".to_owned()], Vec::new()));
    assert_ne!(plain.subject, plain.authority);
    assert!(!certificate(Draft { kind: 2, ..Draft::new() }).is_user);
    assert_eq!(certificate(Draft { serial: [255; 8].into(), ..Draft::new() }).serial, u64::MAX);
    let most: Vec<_> = (0..256).map(|number| format!("p{number}")).collect();
    let most_principals: Vec<u8> = most.iter().flat_map(|principal| string(principal.as_bytes())).collect();
    assert_eq!(certificate(Draft { principals: string(&most_principals), ..Draft::new() }).principals, most);
    // What no clock shows is for ever, or never.
    for (seconds, time) in [(u64::MAX, i64::MAX), (1 << 63, i64::MAX), (i64::MAX.unsigned_abs(), i64::MAX), (0, 0)] {
        let certificate = certificate(Draft { window: [seconds; 2], ..Draft::new() });
        assert_eq!((certificate.valid_after, certificate.valid_before), (Timestamp(time), Timestamp(time)));
    }
    // Ignored, and signed.
    certificate(Draft { reserved: string(b"whatever"), nonce: string(b""), ..Draft::new() });
    let options = strings(&[b"force-command", &string(b"true"), b"verify-required", b""]);
    let names = certificate(Draft { critical_options: string(&options), ..Draft::new() }).critical_options;
    assert_eq!(names, ["force-command", "verify-required"]);
}

#[test]
fn what_is_no_certificate_says_why_and_ssh_keygen_agrees() {
    let home = Home::new();
    let malformed = |what: &str| Defect::Malformed(format!("its certificate {what}"));
    let good = Draft::new();
    let many: Vec<u8> = (0..257).flat_map(|_| string(b"p")).collect();
    for (draft, defect) in [
        (Draft { kind: 0, ..good.clone() }, malformed("is neither a user's nor a host's")),
        (Draft { kind: 3, ..good.clone() }, malformed("is neither a user's nor a host's")),
        (Draft { id: string(b"a\0b"), ..good.clone() }, malformed("has an id that is no text")),
        (Draft { principals: string(&many), ..good.clone() }, malformed("has principals that are no list of text")),
        (
            Draft { principals: string(b"\0\0\0\x06alice"), ..good.clone() },
            malformed("has principals that are no list of text"),
        ),
        (
            Draft { principals: string(&strings(&[b"al\0ice"])), ..good.clone() },
            malformed("has principals that are no list of text"),
        ),
        (
            Draft { critical_options: string(&strings(&[b"verify-required"])), ..good.clone() },
            malformed("has unreadable critical options"),
        ),
        (Draft { extensions: string(b"\0"), ..good.clone() }, malformed("has unreadable extensions")),
        (Draft { after: b"\0".into(), ..good.clone() }, malformed("is followed by something")),
        (Draft { after: string(b"another"), ..good.clone() }, malformed("is followed by something")),
        // A certificate certifies nobody.
        (
            Draft { authority: string(&good.signed()), ..good.clone() },
            Defect::Malformed("its key is a certificate, not a key".into()),
        ),
        (
            Draft { subject: string(&[1; 31]), ..good.clone() },
            Defect::Malformed("its key is no well-formed `ssh-ed25519` key".into()),
        ),
        (
            Draft { name: string(b"ssh-ed25519-cert-v02@openssh.com"), ..good.clone() },
            Defect::Unsupported("certificate type `ssh-ed25519-cert-v02@openssh.com`".into()),
        ),
        (
            Draft { name: string(b"rsa-sha2-512-cert-v01@openssh.com"), ..good.clone() },
            Defect::Unsupported("certificate type `rsa-sha2-512-cert-v01@openssh.com`".into()),
        ),
        (Draft { name: string(b"ssh-ed25519"), ..good.clone() }, Defect::Malformed("is no certificate".into())),
    ] {
        let blob = draft.signed();
        assert_eq!(Certificate::from_blob(&blob), Err(defect.clone()));
        assert!(!ssh_keygen_reads(&home, &blob), "{defect:?}");
    }
}

/// Where we refuse what ssh-keygen takes: ids and principals are told to people and looked up as text.
#[test]
fn an_id_or_a_principal_that_is_no_text_although_ssh_keygen_reads_it() {
    let home = Home::new();
    let good = Draft::new();
    for (draft, what) in [
        (Draft { id: string(b"J\xfcrgen"), ..good.clone() }, "has an id that is no text"),
        (Draft { id: string(b"laptop\0"), ..good.clone() }, "has an id that is no text"),
        (
            Draft { principals: string(&strings(&[b"J\xfcrgen"])), ..good.clone() },
            "has principals that are no list of text",
        ),
    ] {
        let blob = draft.signed();
        assert_eq!(Certificate::from_blob(&blob), Err(Defect::Malformed(format!("its certificate {what}"))));
        assert!(ssh_keygen_reads(&home, &blob), "{what}");
    }
}

#[test]
fn an_authority_signs_the_whole_certificate_in_its_own_way() {
    let home = Home::new();
    let good = Draft::new();
    let signature = authority().sign(&good.signed_part()).as_ref().to_vec();
    let refused = |blob: &[u8]| {
        assert!(!ssh_keygen_reads(&home, blob));
        Certificate::from_blob(blob).unwrap_err()
    };
    let unverified = Defect::Improper("the authority's signature on its certificate does not verify".into());
    let by_another = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap().sign(&good.signed_part());
    assert_eq!(refused(&good.with_signature(&strings(&[b"ssh-ed25519", by_another.as_ref()]))), unverified);
    // Each field as another certificate of the same authority has it.
    for changed in [
        Draft { nonce: string(&[2; 32]), ..good.clone() },
        Draft { serial: 13_u64.to_be_bytes().to_vec(), ..good.clone() },
        Draft { kind: 2, ..good.clone() },
        Draft { id: string(b"laptoq"), ..good.clone() },
        Draft { principals: string(&strings(&[b"alicf"])), ..good.clone() },
        Draft { window: [1000, 2001], ..good.clone() },
        Draft { critical_options: string(&strings(&[b"x", b""])), ..good.clone() },
        Draft { extensions: string(b""), ..good.clone() },
        Draft { reserved: string(b"x"), ..good.clone() },
    ] {
        assert_eq!(refused(&changed.with_signature(&strings(&[b"ssh-ed25519", &signature]))), unverified);
    }
    let of_type = |name: &[u8]| refused(&good.with_signature(&strings(&[name, &signature])));
    let mixed = "its certificate: its signature is of the type `ssh-rsa`, its key of the type `ssh-ed25519`";
    assert_eq!(of_type(b"ssh-rsa"), Defect::Malformed(mixed.into()));
    let longer = refused(&good.with_signature(&strings(&[b"ssh-ed25519", &signature, b""])));
    assert_eq!(longer, Defect::Malformed("its certificate: something follows the signature in its field".into()));
    let empty = refused(&good.with_signature(b""));
    assert_eq!(empty, Defect::Malformed("its certificate: its signature field is not whole".into()));
}

/// Where we refuse what ssh-keygen takes: a token that signs without its user would certify whomever malware names.
#[test]
fn an_authority_in_a_security_key_has_to_be_touched_although_ssh_keygen_does_not_ask() {
    let home = Home::new();
    let sum = |bytes: &[u8]| digest(&SHA256, bytes).as_ref().to_vec();
    let name = b"sk-ssh-ed25519@openssh.com";
    let key = strings(&[name, authority().public_key().as_ref(), b"ssh:"]);
    let draft = Draft { authority: string(&key), ..Draft::new() };
    let certificate = |flags: u8| {
        let counted = [&[flags][..], &7_u32.to_be_bytes()].concat();
        let signed = [sum(b"ssh:"), counted.clone(), sum(&draft.signed_part())].concat();
        let blob = draft.with_signature(&[strings(&[name, authority().sign(&signed).as_ref()]), counted].concat());
        assert!(ssh_keygen_reads(&home, &blob));
        Certificate::from_blob(&blob)
    };
    assert!(certificate(1).unwrap().authority.is_security_key());
    let untouched = Defect::Improper("its certificate: its security key was not touched".into());
    assert_eq!(certificate(0), Err(untouched));
}

#[test]
fn a_certificate_that_is_cut_short_is_none() {
    let good = Draft::new().signed();
    assert!(Certificate::from_blob(&good).is_ok());
    for length in 0..good.len() {
        let defect = Certificate::from_blob(&good[..length]).unwrap_err();
        assert!(matches!(defect, Defect::Malformed(_)), "{length}: {defect:?}");
    }
}
