//! Publishing to a witness: one of the tests' own, written by c2sp.org/tlog-witness, tlog-cosignature and RFC 9162 without our
//! code, that answers over HTTP and HTTPS.

use crate::{ledger_checks::Site, support::run_well};
use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{Ed25519KeyPair, KeyPair},
};
use base64ct::{Base64, Encoding};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

const NAME: &str = "witness.example/w1";
const TIME: u64 = 1_800_000_000;

/// What it last signed of the ledger: the size and the root hash.
type Seen = Arc<Mutex<Option<(u64, Vec<u8>)>>>;

struct Witness {
    address: String,
    seen: Seen,
}

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap()
}

fn key_bytes() -> Vec<u8> {
    [&[4], pair().public_key().as_ref()].concat()
}

fn key_id() -> Vec<u8> {
    digest(&SHA256, &[NAME.as_bytes(), b"\n", &key_bytes()].concat()).as_ref()[..4].to_vec()
}

/// Its verifier key.
fn key() -> String {
    let id: String = key_id().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{NAME}+{id}+{}", Base64::encode_string(&key_bytes()))
}

fn node(left: &[u8], right: &[u8]) -> Vec<u8> {
    digest(&SHA256, &[&[1], left, right].concat()).as_ref().to_vec()
}

/// RFC 9162, section 2.1.4.2, step by step.
fn is_consistent(first: u64, first_hash: &[u8], second: u64, second_hash: &[u8], proof: &[Vec<u8>]) -> bool {
    if first == 0 || first == second {
        return proof.is_empty() && (first == 0 || first_hash == second_hash);
    }
    let mut path = proof.to_vec();
    if first.is_power_of_two() {
        path.insert(0, first_hash.to_vec());
    }
    let (mut r#fn, mut sn) = (first - 1, second - 1);
    while r#fn & 1 == 1 {
        (r#fn, sn) = (r#fn >> 1, sn >> 1);
    }
    let Some((start, rest)) = path.split_first() else { return false };
    let (mut fr, mut sr) = (start.clone(), start.clone());
    for c in rest {
        if sn == 0 {
            return false;
        }
        if r#fn & 1 == 1 || r#fn == sn {
            (fr, sr) = (node(c, &fr), node(c, &sr));
            while r#fn & 1 == 0 && r#fn != 0 {
                (r#fn, sn) = (r#fn >> 1, sn >> 1);
            }
        } else {
            sr = node(&sr, c);
        }
        (r#fn, sn) = (r#fn >> 1, sn >> 1);
    }
    fr == first_hash && sr == second_hash && sn == 0
}

/// The answer to a request body: status and body.
fn answer(body: &str, log_key: &str, seen: &mut Option<(u64, Vec<u8>)>) -> (u16, String) {
    let (head, note) = body.split_once("\n\n").unwrap();
    let mut lines = head.lines();
    let old: u64 = lines.next().unwrap().strip_prefix("old ").unwrap().parse().unwrap();
    let proof: Vec<Vec<u8>> = lines.map(|line| Base64::decode_vec(line).unwrap()).collect();
    let note = signed_note::Note::from_bytes(note.as_bytes()).unwrap();
    let text = String::from_utf8(note.text().to_vec()).unwrap();
    let fields: Vec<&str> = text.lines().collect();
    let (origin, size, root) = (fields[0], fields[1].parse::<u64>().unwrap(), Base64::decode_vec(fields[2]).unwrap());
    if !log_key.starts_with(&format!("{origin}+")) {
        return (404, String::new());
    }
    let known = signed_note::StandardVerifier::new(log_key).unwrap();
    if note.verify(&signed_note::VerifierList::new(vec![Box::new(known)])).is_err() {
        return (403, String::new());
    }
    if old > size {
        return (400, String::new());
    }
    let (seen_size, seen_root) = seen.clone().unwrap_or_default();
    if old != seen_size {
        return (409, format!("{seen_size}\n"));
    }
    if old == size && root != seen_root {
        return (409, String::new());
    }
    if !is_consistent(old, &seen_root, size, &root, &proof) {
        return (422, String::new());
    }
    *seen = Some((size, root));
    let signature = pair().sign(format!("cosignature/v1\ntime {TIME}\n{text}").as_bytes());
    let bytes = [key_id(), TIME.to_be_bytes().to_vec(), signature.as_ref().to_vec()].concat();
    (200, format!("— {NAME} {}\n", Base64::encode_string(&bytes)))
}

/// One request and its answer.
fn serve(stream: &mut (impl Read + Write), log_key: &str, seen: &Seen) -> std::io::Result<()> {
    let mut reader = BufReader::new(&mut *stream);
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line)?;
    let right_place = line.starts_with("POST /at/add-checkpoint HTTP/1.1\r\n");
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body = String::from_utf8(body).unwrap();
    let (status, answer) = match right_place {
        true => answer(&body, log_key, &mut seen.lock().unwrap()),
        false => (404, String::new()),
    };
    let length = answer.len();
    write!(stream, "HTTP/1.1 {status} x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{answer}")?;
    stream.flush()
}

impl Witness {
    /// Of the ledger with this key.
    fn of(log_key: &str, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let address = format!("{scheme}://127.0.0.1:{}/at/", listener.local_addr().unwrap().port());
        let (seen, log_key) = (Seen::default(), log_key.to_owned());
        let shared = seen.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                // A client that goes away is its own affair.
                let _ = match &tls {
                    None => serve(&mut stream, &log_key, &shared),
                    Some(config) => {
                        let connection = rustls::ServerConnection::new(config.clone()).unwrap();
                        serve(&mut rustls::StreamOwned::new(connection, stream), &log_key, &shared)
                    }
                };
            }
        });
        Self { address, seen }
    }

    fn of_site(site: &Site) -> Self {
        Self::of(fs::read_to_string(site.key_file()).unwrap().trim_end(), None)
    }

    fn size(&self) -> u64 {
        self.seen.lock().unwrap().as_ref().unwrap().0
    }
}

fn publish<'a>(witness: &'a Witness, key: &'a str) -> Vec<&'a str> {
    vec!["publish", "--witness", &witness.address, "--witness-key", key]
}

/// The checkpoint that is kept with the witness's signature.
fn kept(site: &Site) -> String {
    let file = fs::read_dir(site.path("ledger/witnessed")).unwrap().next().unwrap().unwrap().path();
    let name: String = digest(&SHA256, NAME.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(file.file_name().unwrap().to_str().unwrap(), name);
    fs::read_to_string(file).unwrap()
}

#[test]
fn a_witness_signs_what_was_only_added_to() {
    let mut site = Site::new();
    let (witness, key) = (Witness::of_site(&site), key());
    for _ in 0..5 {
        let out = site.ends(0, &publish(&witness, &key));
        assert!(out.contains("signed by the witness witness.example/w1 at 2027-01-15T08:00:00Z"), "{out}");
        assert_eq!(witness.size(), site.records());
        let note = kept(&site);
        assert!(note.starts_with(&site.ends(0, &["checkpoint"])) && note.contains(&format!("\n— {NAME} ")), "{note}");
        // Again, with nothing added.
        site.ends(0, &publish(&witness, &key));
        site.push();
    }
    // What is kept here is only a guess: the witness says where to begin.
    fs::remove_dir_all(site.path("ledger/witnessed")).unwrap();
    site.ends(0, &publish(&witness, &key));
    assert_eq!(witness.size(), site.records());
    let note = site.file("witnessed", &kept(&site));
    assert_eq!(site.found(&["--against", &note]), [""; 0]);
    // A new key is another that the witness has to be told.
    site.ends(0, &["rotate-key"]);
    site.ends(0, &publish(&witness, &key));
    site.push();
    let out = site.ends(3, &publish(&witness, &key));
    assert!(out.contains("it does not know the key that signs the ledger"), "{out}");
}

#[test]
fn a_witness_that_saw_another_ledger_is_an_alarm() {
    let mut site = Site::new();
    let (witness, key) = (Witness::of_site(&site), key());
    site.copy_ledger("copy");
    site.push();
    site.ends(0, &publish(&witness, &key));
    fs::copy(site.path("ledger/key"), site.path("kept-key")).unwrap();
    fs::remove_dir_all(site.path("ledger")).unwrap();
    site.ends(0, &["restore", &site.path("copy"), "--key", &site.path("kept-key")]);
    let out = site.ends(1, &publish(&witness, &key));
    assert!(out.contains("an older copy was put back\n"), "{out}");
    while site.records() < witness.size() {
        site.push();
    }
    let rewritten = "saw other records than these: they were rewritten (status ";
    if site.records() == witness.size() {
        let out = site.ends(1, &publish(&witness, &key));
        assert!(out.contains(&format!("{rewritten}409)")), "{out}");
    }
    site.push();
    let out = site.ends(1, &publish(&witness, &key));
    assert!(out.contains(&format!("{rewritten}422)")), "{out}");
    assert!(!site.world.path("ledger/witnessed").read_dir().unwrap().any(|_| true), "nothing was signed");
}

#[test]
fn a_witness_that_cannot_be_asked_or_believed_is_no_alarm() {
    let site = Site::new();
    let (witness, right) = (Witness::of_site(&site), key());
    let nobody = Witness { address: "http://127.0.0.1:1".into(), seen: Seen::default() };
    let out = site.ends(3, &publish(&nobody, &right));
    assert!(out.contains("asking the witness at http://127.0.0.1:1/add-checkpoint"), "{out}");
    let elsewhere = Witness { address: format!("{}else", witness.address), seen: Seen::default() };
    let out = site.ends(3, &publish(&elsewhere, &right));
    assert!(out.contains("it does not know this ledger"), "{out}");
    let another = "witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G";
    let out = site.ends(3, &publish(&witness, another));
    assert!(out.contains("the note is not signed by a known key"), "{out}");
    site.ends(2, &["publish"]);
    site.ends(2, &["publish", "--witness", &witness.address]);
}

#[test]
fn a_witness_is_asked_over_tls_if_the_certificate_is_believed() {
    let site = Site::new();
    let (certificate, secret) = (site.path("certificate.pem"), site.path("secret.pem"));
    let mut openssl = site.world.command("openssl", &site.world.path(""));
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    openssl.args(["-keyout", &secret, "-out", &certificate, "-days", "3650", "-subj", "/CN=witness"]);
    openssl.args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]);
    run_well(openssl, b"");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let chain = vec![CertificateDer::from_pem_file(&certificate).unwrap()];
    let config = config.with_no_client_auth().with_single_cert(chain, PrivateKeyDer::from_pem_file(&secret).unwrap());
    let log_key = fs::read_to_string(site.key_file()).unwrap();
    let (witness, key) = (Witness::of(log_key.trim_end(), Some(Arc::new(config.unwrap()))), key());
    site.ends(0, &[&publish(&witness, &key)[..], &["--ca", &certificate]].concat());
    assert_eq!(witness.size(), site.records());
    // The system believes it not.
    let out = site.ends(3, &publish(&witness, &key));
    assert!(out.contains("certificate"), "{out}");
}

#[test]
fn checkpoints_are_kept_in_a_folder_and_are_an_alarm_if_they_do_not_fit() {
    let mut site = Site::new();
    let folder = site.path("drop");
    site.copy_ledger("older");
    site.push();
    let size = site.records();
    for _ in 0..2 {
        let out = site.ends(0, &["publish", "--to", &folder]);
        assert!(out.contains(&format!("drop/checkpoint-{size}")), "{out}");
    }
    let note = fs::read_to_string(site.path(&format!("drop/checkpoint-{size}"))).unwrap();
    assert_eq!(note, site.ends(0, &["checkpoint"]));
    let out = site.ends(1, &["publish", "--to", &folder, "--ledger", &site.path("older")]);
    assert!(out.contains("an older copy was put back\n"), "{out}");
    site.push();
    site.ends(0, &["publish", "--to", &folder]);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
}

#[test]
fn what_a_witness_signed_of_what_was_kept_is_verified_with_its_key() {
    let mut site = Site::new();
    let (witness, key) = (Witness::of_site(&site), key());
    site.ends(0, &publish(&witness, &key));
    let (plain, told) = (site.file("plain", &site.ends(0, &["checkpoint"])), site.file("told", &site.told));
    let (text, size) = (kept(&site), site.records());
    let note = site.file("witnessed", &text);
    site.push();
    let vouches =
        format!("the witness {NAME} vouches for {note}, of {size} records, as it saw it at 2027-01-15T08:00:00Z");
    for against in [vec![&note], vec![&plain, &note, &told]] {
        let against: Vec<&str> = against.into_iter().map(String::as_str).collect();
        let asked = [&["verify", "--witness-key", &key, "--against"][..], &against].concat();
        let out = site.ends(0, &asked);
        assert!(out.contains(&vouches) && out.contains("consistent with the "), "{out}");
        assert_eq!(site.json(&asked)["witnesses"][0]["last"]["size"], size);
        let out = site.ends(0, &[&["verify", "--against"][..], &against].concat());
        assert!(out.contains("the signatures of witnesses are not verified: --witness-key KEY verifies them"), "{out}");
    }
    // Where there is nothing to verify, nothing is said.
    assert!(!site.ends(0, &["verify", "--against", &plain, &told]).contains("witness-key"));
    assert_eq!(site.json(&["verify", "--against", &plain])["witnesses"], serde_json::Value::Null);

    let found = |note: &str, key: &str| site.found(&["--against", note, "--witness-key", key]);
    for without in [&plain, &told] {
        assert_eq!(found(without, &key), ["no-witness"]);
    }
    let out = site.ends(1, &["verify", "--against", &plain, "--witness-key", &key]);
    assert!(
        out.contains(&format!("the witness {NAME}: it signed none of the checkpoints given (no-witness)")),
        "{out}"
    );
    let another = "witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G";
    assert_eq!(found(&note, another), ["no-witness"]);
    // What bears its name and id, and is not its own.
    let (head, line) = text.rsplit_once(' ').unwrap();
    let mut bytes = Base64::decode_vec(line.trim_end()).unwrap();
    for at in [5, 20, 75] {
        bytes[at] ^= 1;
        let changed = site.file("changed", &format!("{head} {}\n", Base64::encode_string(&bytes)));
        assert_eq!(found(&changed, &key), ["other-witness"], "byte {at}");
        assert_eq!(site.found(&["--against", &changed]), [""; 0]);
        bytes[at] ^= 1;
    }
    // A signature that states no time is no witness's.
    assert_eq!(found(&note, site.key_file().to_str().unwrap()), ["other-witness"]);
    assert_eq!(site.ledger(&["verify", "--witness-key", &key]).0, 2);
    // What it signed of a ledger that was rewritten since, or of another, vouches for nothing.
    let other = Site::new();
    let strange = site.file("strange", &other.ends(0, &["checkpoint"]));
    assert_eq!(site.found(&["--against", &strange, &note, "--witness-key", &key]), ["other-origin"]);
}
