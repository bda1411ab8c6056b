//! SSHSIG made by hand, so that what is wrong with it is signed all the same: fields, lengths, keys, numbers.

use super::{Certificates, Defect, Home, PAYLOAD, Signature, bad, good, ssh::armored, verify_with};
use aws_lc_rs::{
    digest::{self, SHA256, SHA512},
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
        Ed25519KeyPair, KeyPair,
    },
};
use countersign::signature::Format;
use ssh_key::encoding::base64::{Base64, Encoding};

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// A natural number.
fn mpint(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    match &bytes[zeros..] {
        [] => string(&[]),
        number @ [first, ..] if first & 0x80 != 0 => string(&[&[0], number].concat()),
        number => string(number),
    }
}

fn hex(digits: &str) -> Vec<u8> {
    (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap()).collect()
}

/// The fields of an SSHSIG, and who signs them.
struct Parts {
    key: Vec<u8>,
    namespace: Vec<u8>,
    reserved: Vec<u8>,
    hash: Vec<u8>,
}

impl Parts {
    fn by(key: &[u8]) -> Self {
        Self { key: key.into(), namespace: b"git".into(), reserved: Vec::new(), hash: b"sha512".into() }
    }

    /// What is signed, the hash being SHA-512 whatever it is called.
    fn signed(&self) -> Vec<u8> {
        let sum = digest::digest(&SHA512, PAYLOAD);
        let fields = [string(&self.namespace), string(&self.reserved), string(&self.hash), string(sum.as_ref())];
        [&b"SSHSIG"[..], &fields.concat()].concat()
    }

    /// With this signature field.
    fn with(&self, signature: &[u8]) -> Vec<u8> {
        let fields = [&self.key, &self.namespace, &self.reserved, &self.hash].map(|field| string(field)).concat();
        armored(&[&b"SSHSIG\0\0\0\x01"[..], &fields, &string(signature)].concat())
    }

    /// Signed by the plain key of [`ed25519`].
    fn armor(&self) -> Vec<u8> {
        self.with(&ed25519_field(&self.signed()))
    }
}

const ED25519: &[u8] = b"ssh-ed25519";

fn ed25519() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

fn ed25519_key() -> Vec<u8> {
    [string(ED25519), string(ed25519().public_key().as_ref())].concat()
}

fn ed25519_field(signed: &[u8]) -> Vec<u8> {
    [string(ED25519), string(ed25519().sign(signed).as_ref())].concat()
}

fn verify(armor: &[u8]) -> Signature {
    verify_with(&Certificates::default(), PAYLOAD, armor)
}

fn defect(armor: &[u8]) -> Defect {
    bad(verify(armor)).defect
}

fn malformed(why: &str) -> Defect {
    Defect::Malformed(why.into())
}

fn ssh_keygen_accepts(armor: &[u8]) -> bool {
    let home = Home::new();
    home.write("sig", armor);
    home.run("ssh-keygen", &["-Y", "check-novalidate", "-n", "git", "-s", "sig"], PAYLOAD).status.success()
}

#[test]
fn a_namespace_that_is_not_byte_for_byte_git() {
    let own = Parts::by(&ed25519_key());
    for namespace in [&b""[..], b"file", b"Git", b"GIT", b"git ", b" git", b"git\0", b"git\n", b"gi", b"git@x", b"\xff"]
    {
        let armor = Parts { namespace: namespace.into(), ..Parts::by(&own.key) }.armor();
        let why = format!("is made for the namespace `{}`, not `git`", namespace.escape_ascii());
        assert_eq!(defect(&armor), Defect::Malformed(why));
        assert!(!ssh_keygen_accepts(&armor), "{namespace:?}");
    }
    good(verify(&own.armor()));
    assert!(ssh_keygen_accepts(&own.armor()));
}

#[test]
fn a_hash_of_another_name() {
    let own = Parts::by(&ed25519_key());
    let named = |hash: &[u8]| defect(&Parts { hash: hash.into(), ..Parts::by(&own.key) }.armor());
    for weak in ["sha1", "md5"] {
        assert_eq!(named(weak.as_bytes()), Defect::Weak(format!("hash `{weak}`")));
    }
    for other in [&b""[..], b"sha384", b"sha224", b"sha3-512", b"SHA512", b"sha512 ", b"sha512\0", b"sha256,sha512"] {
        assert_eq!(named(other), Defect::Malformed(format!("hash `{}`", other.escape_ascii())));
    }
    good(verify(&own.armor()));
}

#[test]
fn a_reserved_field_that_says_something() {
    let says = Parts { reserved: b"not for this".into(), ..Parts::by(&ed25519_key()) };
    assert_eq!(defect(&says.armor()), Defect::Unsupported("a reserved field that is not empty".into()));
    assert!(!ssh_keygen_accepts(&says.armor()));
    // Put in later, it is not signed; ssh-keygen does not look at it.
    let own = Parts::by(&ed25519_key());
    let put_in = says.with(&ed25519_field(&own.signed()));
    assert_eq!(defect(&put_in), Defect::DoesNotVerify);
    good(verify(&own.armor()));
}

#[test]
fn bytes_that_follow_a_field_at_any_depth() {
    let own = Parts::by(&ed25519_key());
    let (key, field) = (own.key.clone(), ed25519_field(&own.signed()));
    let followed = |bytes: &[u8]| [bytes, b"\0"].concat();
    assert_eq!(defect(&Parts::by(&followed(&key)).armor()), malformed("its key is followed by something"));
    assert_eq!(defect(&own.with(&followed(&field))), malformed("something follows the signature in its field"));
    let signature = ed25519().sign(&own.signed());
    for wrong in [followed(signature.as_ref()), signature.as_ref()[..63].to_vec(), Vec::new()] {
        let armor = own.with(&[string(ED25519), string(&wrong)].concat());
        assert_eq!(defect(&armor), Defect::DoesNotVerify);
        assert!(!ssh_keygen_accepts(&armor));
    }
    for key in [&ed25519().public_key().as_ref()[..31], &followed(ed25519().public_key().as_ref())] {
        let armor = Parts::by(&[string(ED25519), string(key)].concat()).armor();
        assert_eq!(defect(&armor), malformed("its key is no well-formed `ssh-ed25519` key"));
    }
    good(verify(&own.with(&field)));
}

#[test]
fn a_length_that_leads_beyond_the_end() {
    let own = Parts::by(&ed25519_key());
    let whole = super::ssh::dearmor(&own.armor());
    for at in [10, 10 + 4, whole.len() - 68, 10 + 4 + own.key.len()] {
        for length in [u32::MAX, 0x7fff_ffff, 0x1_0000] {
            let mut blob = whole.clone();
            blob[at..at + 4].copy_from_slice(&length.to_be_bytes());
            let Defect::Malformed(_) = defect(&armored(&blob)) else { panic!("{at}") };
        }
    }
    good(verify(&armored(&whole)));
}

/// With a point of small order as key, a signature that nobody made is good for every message.
#[test]
fn an_ed25519_key_of_small_order() {
    let neutral = "0100000000000000000000000000000000000000000000000000000000000000";
    let forged = [string(ED25519), string(&[hex(neutral), vec![0; 32]].concat())].concat();
    for point in [
        neutral,
        "0000000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ] {
        for sign in [0, 0x80] {
            let mut point = hex(point);
            point[31] |= sign;
            let key = [string(ED25519), string(&point)].concat();
            assert_eq!(
                defect(&Parts::by(&key).with(&forged)),
                Defect::Weak("an Ed25519 key of small order".into()),
                "{point:?}"
            );
        }
    }
    good(verify(&Parts::by(&ed25519_key()).armor()));
}

/// Of the group of Ed25519 (RFC 8032, 5.1), little-endian.
const ED25519_ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

#[test]
fn an_ed25519_signature_changed_into_another_one() {
    let own = Parts::by(&ed25519_key());
    let signature = ed25519().sign(&own.signed());
    let mut changed = signature.as_ref().to_vec();
    let mut carry = 0;
    for (digit, more) in changed[32..].iter_mut().zip(hex(ED25519_ORDER)) {
        carry += u16::from(*digit) + u16::from(more);
        *digit = u8::try_from(carry & 0xff).unwrap();
        carry >>= 8;
    }
    assert_eq!(defect(&own.with(&[string(ED25519), string(&changed)].concat())), Defect::DoesNotVerify);
    good(verify(&own.with(&[string(ED25519), string(signature.as_ref())].concat())));
}

fn rsa_key(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    [string(b"ssh-rsa"), mpint(exponent), mpint(modulus)].concat()
}

/// What a signature by RSA is before the private key is applied (RFC 8017, 9.2).
fn padded(signed: &[u8]) -> Vec<u8> {
    let named = [hex("3051300d060960864801650304020305000440"), digest::digest(&SHA512, signed).as_ref().to_vec()];
    let named = named.concat();
    [&[0, 1][..], &vec![0xff; 253 - named.len()], &[0], &named].concat()
}

#[test]
fn an_rsa_key_whose_exponent_lets_anybody_sign() {
    let modulus = [vec![0xff; 255], vec![0xfd]].concat();
    for exponent in [&[][..], &[1], &[2], &[1, 0, 0]] {
        let forger = Parts::by(&rsa_key(&modulus, exponent));
        let field = [string(b"rsa-sha2-512"), string(&padded(&forger.signed()))].concat();
        let Defect::Malformed(what) = defect(&forger.with(&field)) else { panic!("{exponent:?}") };
        assert!(["not an RSA key", "its key is no well-formed `ssh-rsa` key"].contains(&&*what), "{what}");
    }
    // Of the same size, with the usual exponent: it is read, and is not the signature of this key.
    let usual = Parts::by(&rsa_key(&modulus, &[1, 0, 1]));
    let field = [string(b"rsa-sha2-512"), string(&padded(&usual.signed()))].concat();
    assert_eq!(defect(&usual.with(&field)), Defect::DoesNotVerify);
}

#[test]
fn an_rsa_key_that_is_too_short_or_too_long_for_any_use() {
    let sized = |bits: usize| {
        let mut modulus = vec![0xff; bits.div_ceil(8)];
        modulus[0] >>= (8 - bits % 8) % 8;
        let parts = Parts::by(&rsa_key(&modulus, &[1, 0, 1]));
        defect(&parts.with(&[string(b"rsa-sha2-512"), string(&vec![1; modulus.len()])].concat()))
    };
    assert_eq!(sized(512), Defect::Weak("RSA of 512 bits".into()));
    assert_eq!(sized(2047), Defect::Weak("RSA of 2047 bits".into()));
    assert_eq!(sized(2048), Defect::DoesNotVerify);
    assert_eq!(sized(8192), Defect::DoesNotVerify);
    assert_eq!(sized(8200), Defect::Unsupported("RSA of 8200 bits".into()));
    assert_eq!(sized(140_000), malformed("its key is too large"));
}

#[test]
fn an_rsa_signature_longer_than_its_key() {
    let home = Home::new();
    home.ok("ssh-keygen", &["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", "key"], b"");
    let armor = home.ok("ssh-keygen", &["-q", "-Y", "sign", "-n", "git", "-f", "key"], PAYLOAD);
    let blob = super::ssh::dearmor(&armor);
    let (before, signature) = blob.split_at(blob.len() - 256);
    let (fields, name) = before.split_at(before.len() - 4 - 16 - 4);
    assert_eq!(name[4..20], string(b"rsa-sha2-512"));
    let with = |signature: &[u8]| {
        let field = [string(b"rsa-sha2-512"), string(signature)].concat();
        armored(&[fields, &string(&field)].concat())
    };
    let longer = with(&[&[0], signature].concat());
    assert_eq!(defect(&longer), Defect::DoesNotVerify);
    assert!(!ssh_keygen_accepts(&longer));
    good(verify(&with(signature)));
}

/// A key pair of ECDSA, as SSH names it.
struct Ecdsa {
    pair: EcdsaKeyPair,
    curve: &'static str,
}

impl Ecdsa {
    fn new(algorithm: &'static EcdsaSigningAlgorithm, curve: &'static str) -> Self {
        Self { pair: EcdsaKeyPair::generate(algorithm).unwrap(), curve }
    }

    fn point(&self) -> Vec<u8> {
        self.pair.public_key().as_ref().to_vec()
    }

    fn name(&self) -> Vec<u8> {
        format!("ecdsa-sha2-{}", self.curve).into_bytes()
    }

    fn key(&self) -> Vec<u8> {
        ecdsa_key(&self.name(), self.curve.as_bytes(), &self.point())
    }

    fn numbers(&self, signed: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let signature = self.pair.sign(&SystemRandom::new(), signed).unwrap();
        let (r, s) = signature.as_ref().split_at(signature.as_ref().len() / 2);
        (r.to_vec(), s.to_vec())
    }
}

fn ecdsa_key(name: &[u8], curve: &[u8], point: &[u8]) -> Vec<u8> {
    [string(name), string(curve), string(point)].concat()
}

fn field(name: &[u8], r: &[u8], s: &[u8]) -> Vec<u8> {
    [string(name), string(&[r, s].concat())].concat()
}

#[test]
fn an_ecdsa_key_or_signature_of_another_curve() {
    let small = Ecdsa::new(&ECDSA_P256_SHA256_FIXED_SIGNING, "nistp256");
    let large = Ecdsa::new(&ECDSA_P384_SHA384_FIXED_SIGNING, "nistp384");
    let signed_by = |key: &[u8], name: &[u8]| {
        let parts = Parts::by(key);
        let (r, s) = small.numbers(&parts.signed());
        parts.with(&field(name, &mpint(&r), &mpint(&s)))
    };
    let mixed = |name: &str| {
        malformed(&format!("its signature is of the type `{name}`, its key of the type `ecdsa-sha2-nistp256`"))
    };
    for other in ["ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-ed25519", "ecdsa-sha2-nistp256-x", ""] {
        assert_eq!(defect(&signed_by(&small.key(), other.as_bytes())), mixed(other));
    }
    let (x, rest) = (&small.point()[1..33], &small.point()[33..]);
    let compressed = [&[2 + rest[31] % 2][..], x].concat();
    let mut beside = small.point();
    beside[64] ^= 1;
    for key in [
        ecdsa_key(&small.name(), b"nistp384", &small.point()),
        ecdsa_key(&small.name(), b"nistp384", &large.point()),
        ecdsa_key(&small.name(), b"nistp256", &large.point()),
        ecdsa_key(&large.name(), b"nistp256", &small.point()),
        ecdsa_key(&small.name(), b"", &small.point()),
        ecdsa_key(&small.name(), b"nistp256", &compressed),
        ecdsa_key(&small.name(), b"nistp256", &[0]),
        ecdsa_key(&small.name(), b"nistp256", &[]),
        ecdsa_key(&small.name(), b"nistp256", &[&small.point()[..], b"\0"].concat()),
    ] {
        let Defect::Malformed(what) = defect(&signed_by(&key, &small.name())) else { panic!("{key:?}") };
        assert!(what.starts_with("its key is no well-formed `ecdsa-sha2-nistp"), "{what}");
    }
    let not_on_the_curve = ecdsa_key(&small.name(), b"nistp256", &beside);
    assert_eq!(defect(&signed_by(&not_on_the_curve, &small.name())), Defect::DoesNotVerify);
    good(verify(&signed_by(&small.key(), &small.name())));
}

const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

#[test]
fn numbers_of_an_ecdsa_signature_out_of_range() {
    let key = Ecdsa::new(&ECDSA_P256_SHA256_FIXED_SIGNING, "nistp256");
    let parts = Parts::by(&key.key());
    let (r, s) = key.numbers(&parts.signed());
    let (r, s, zero, order) = (mpint(&r), mpint(&s), mpint(&[]), mpint(&hex(P256_ORDER)));
    let with = |r: &[u8], s: &[u8]| parts.with(&field(&key.name(), r, s));
    for (r, s) in [(&zero, &zero), (&zero, &s), (&r, &zero), (&order, &s), (&r, &order), (&order, &order), (&s, &r)] {
        assert_eq!(defect(&with(r, s)), Defect::DoesNotVerify);
        assert!(!ssh_keygen_accepts(&with(r, s)));
    }
    let huge = mpint(&[0x7f; 4_000]);
    assert_eq!(defect(&with(&huge, &s)), Defect::DoesNotVerify);
    let negative = string(&[0xff; 32]);
    let two = malformed("its ECDSA signature is not two numbers");
    for (r, s) in [(&negative, &s), (&r, &negative), (&r, &Vec::new()), (&r, &[&*s, b"\0"].concat())] {
        assert_eq!(defect(&with(r, s)), two);
        assert!(!ssh_keygen_accepts(&with(r, s)));
    }
    good(verify(&with(&r, &s)));
}

const SECURITY_KEY: &[u8] = b"sk-ssh-ed25519@openssh.com";

/// A security key's blob, and its signature field over the parts: for an application, with flags and a counter.
fn security_key(application: &[u8]) -> Vec<u8> {
    [string(SECURITY_KEY), string(ed25519().public_key().as_ref()), string(application)].concat()
}

fn token_field(parts: &Parts, name: &[u8], application: &[u8], flags: u8, counter: u32) -> Vec<u8> {
    let sum = |bytes: &[u8]| digest::digest(&SHA256, bytes).as_ref().to_vec();
    let signed = [sum(application), vec![flags], counter.to_be_bytes().to_vec(), sum(&parts.signed())].concat();
    let signature = ed25519().sign(&signed);
    [string(name), string(signature.as_ref()), vec![flags], counter.to_be_bytes().to_vec()].concat()
}

#[test]
fn a_security_keys_counter_application_and_type_are_signed() {
    let parts = Parts::by(&security_key(b"ssh:"));
    let field = token_field(&parts, SECURITY_KEY, b"ssh:", 1, 7);
    good(verify(&parts.with(&field)));
    let mut counted = field.clone();
    *counted.last_mut().unwrap() ^= 1;
    assert_eq!(defect(&parts.with(&counted)), Defect::DoesNotVerify);
    // Made for a web site.
    let elsewhere = token_field(&parts, SECURITY_KEY, b"https://example.com", 1, 7);
    assert_eq!(defect(&parts.with(&elsewhere)), Defect::DoesNotVerify);
    let renamed = Parts::by(&security_key(b"https://example.com"));
    assert_eq!(defect(&renamed.with(&field)), Defect::DoesNotVerify);
    for short in [&field[..field.len() - 1], &field[..field.len() - 5]] {
        assert_eq!(defect(&parts.with(short)), malformed("its signature field has no flags and counter"));
    }
    let followed = [&*field, b"\0"].concat();
    assert_eq!(defect(&parts.with(&followed)), malformed("something follows the signature in its field"));
    let web = token_field(&parts, b"webauthn-sk-ecdsa-sha2-nistp256@openssh.com", b"ssh:", 1, 7);
    assert_eq!(defect(&parts.with(&web)), Defect::Unsupported("WebAuthn signatures".into()));
}

/// A touch cannot be had by calling the key a plain one, nor a plain signature pass for one with a touch.
#[test]
fn a_security_key_taken_for_a_plain_one_and_the_reverse() {
    let plain = Parts::by(&ed25519_key());
    let token = Parts::by(&security_key(b"ssh:"));
    let by_token = token_field(&plain, ED25519, b"ssh:", 0, 7);
    assert_eq!(defect(&plain.with(&by_token)), malformed("something follows the signature in its field"));
    let cut = &by_token[..by_token.len() - 5];
    assert_eq!(defect(&plain.with(cut)), Defect::DoesNotVerify);
    let by_plain = [&ed25519_field(&token.signed())[..], &[1], &7u32.to_be_bytes()].concat();
    let mixed = "its signature is of the type `ssh-ed25519`, its key of the type `sk-ssh-ed25519@openssh.com`";
    assert_eq!(defect(&token.with(&by_plain)), malformed(mixed));
    let renamed =
        [string(SECURITY_KEY), string(ed25519().sign(&token.signed()).as_ref()), vec![1, 0, 0, 0, 7]].concat();
    assert_eq!(defect(&token.with(&renamed)), Defect::DoesNotVerify);
    good(verify(&plain.armor()));
    good(verify(&token.with(&token_field(&token, SECURITY_KEY, b"ssh:", 1, 7))));
}

#[test]
fn a_signature_by_a_key_that_the_certificate_beside_it_does_not_certify() {
    let home = Home::new();
    for name in ["authority", "own"] {
        home.ok("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", name], b"");
    }
    home.ok("ssh-keygen", &["-q", "-s", "authority", "-I", "id", "-n", "alice", "own.pub"], b"");
    let line = std::fs::read_to_string(home.join("own-cert.pub")).unwrap();
    let certificate = Base64::decode_vec(line.split(' ').nth(1).unwrap()).unwrap();
    let parts = Parts::by(&certificate);
    let bad = bad(verify(&parts.armor()));
    assert_eq!((bad.defect, bad.format), (Defect::DoesNotVerify, Some(Format::SshCert)));
    assert!(!ssh_keygen_accepts(&parts.armor()));
    let own = home.ok("ssh-keygen", &["-q", "-Y", "sign", "-n", "git", "-f", "own-cert.pub"], PAYLOAD);
    assert_eq!(good(verify(&own)).format(), Format::SshCert);
}
