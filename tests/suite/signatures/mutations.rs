//! Thousands of inputs that are nearly right: no reader panics, and none takes for good what nobody signed.

use super::{Certificates, Home, PAYLOAD, Signature, good, ssh, verify_with};
use crate::support::Dice;
use countersign::{
    push::Timestamp,
    registry::{Registry, VerifyTime, When},
    trusted::TrustedFiles,
};
use jiff::tz::TimeZone;
use std::fs;

const MUTATIONS: usize = 400;

fn is_good(certificates: &Certificates, payload: &[u8], armor: &[u8]) -> bool {
    matches!(verify_with(certificates, payload, armor), Signature::Verified(_))
}

fn gpg(home: &Home, arguments: &[&str]) -> Vec<u8> {
    let quiet = ["--batch", "--quiet", "--no-tty", "--yes", "--pinentry-mode", "loopback", "--passphrase", ""];
    home.ok("gpg", &[&quiet[..], arguments].concat(), PAYLOAD)
}

#[test]
fn no_mutation_of_an_ssh_signature_or_certificate_is_good() {
    let (home, mut dice, nothing) = (Home::new(), Dice(1), Certificates::default());
    let keygen = |arguments: &[&str]| home.ok("ssh-keygen", &[&["-q"], arguments].concat(), PAYLOAD);
    keygen(&["-t", "ed25519", "-N", "", "-f", "ca"]);
    for algorithm in ["ed25519", "ecdsa", "rsa"] {
        keygen(&["-t", algorithm, "-N", "", "-f", algorithm]);
        let public = format!("{algorithm}.pub");
        keygen(&["-s", "ca", "-I", "id", "-n", "alice,bob", "-O", "force-command=x", &public]);
        for public in [public, format!("{algorithm}-cert.pub")] {
            let armor = keygen(&["-Y", "sign", "-n", "git", "-f", &public]);
            good(verify_with(&nothing, PAYLOAD, &armor));
            let blob = ssh::dearmor(&armor);
            for _ in 0..MUTATIONS {
                let mutated = dice.mutated(&blob);
                assert!(!is_good(&nothing, PAYLOAD, &ssh::armored(&mutated)), "{public}: {mutated:?}");
                assert!(!is_good(&nothing, &dice.mutated(PAYLOAD), &armor), "{public}");
                is_good(&nothing, PAYLOAD, &dice.mutated(&armor));
            }
        }
    }
}

#[test]
fn no_mutation_of_what_an_openpgp_signature_covers_is_good() {
    let (home, mut dice) = (Home::new(), Dice(2));
    let mut armors = Vec::new();
    for (user, algorithm) in [("alice@x", "ed25519"), ("bob@x", "rsa2048"), ("carol@x", "nistp256")] {
        gpg(&home, &["--quick-gen-key", user, algorithm, "cert,sign", "never"]);
        armors.push(gpg(&home, &["-u", user, "--armor", "--detach-sign"]));
    }
    let keyrings = [gpg(&home, &["--export"]), gpg(&home, &["--armor", "--export"])];
    let mut certificates = Certificates::default();
    certificates.add_file(&keyrings[0]).unwrap();
    for armor in &armors {
        good(verify_with(&certificates, PAYLOAD, armor));
        for _ in 0..MUTATIONS {
            assert!(!is_good(&certificates, &dice.mutated(PAYLOAD), armor));
            let mutated = dice.mutated(armor);
            assert!(!is_good(&certificates, &dice.mutated(PAYLOAD), &mutated));
            is_good(&certificates, PAYLOAD, &mutated);
        }
    }
    let mut added = 0;
    for number in 0..MUTATIONS {
        let mut certificates = Certificates::default();
        if certificates.add_file(&dice.mutated(&keyrings[number % 2])).is_ok() {
            added += 1;
            certificates.summaries(Timestamp(1_900_000_000));
            for armor in &armors {
                assert!(!is_good(&certificates, b"other", armor));
            }
        }
    }
    assert!(added > MUTATIONS / 20, "{added}");
}

#[test]
fn a_registry_of_mutated_files_is_refused_or_judges_alike_from_some_lines_and_from_all() {
    let (home, mut dice) = (Home::new(), Dice(3));
    let keygen = |arguments: &[&str]| home.ok("ssh-keygen", &[&["-q"], arguments].concat(), PAYLOAD);
    let [alice, bob, authority] = ["alice", "bob", "authority"].map(|name| {
        keygen(&["-t", "ed25519", "-N", "", "-f", name]);
        fs::read_to_string(home.join(&format!("{name}.pub"))).unwrap()
    });
    keygen(&["-s", "authority", "-I", "id", "-n", "bob@x", "bob.pub"]);
    let signatures = ["alice.pub", "bob.pub", "bob-cert.pub"].map(|public| {
        let armor = keygen(&["-Y", "sign", "-n", "git", "-f", public]);
        verify_with(&Certificates::default(), PAYLOAD, &armor)
    });
    let allowed = format!(
        "alice@x,al@y namespaces=\"git,file\",valid-after=\"20200101Z\" {alice}\"bob x\",!*@z {bob}*@x CERT-AUTHORITY {authority}"
    );
    let signers = "[[signer]]\nid = 'alice'\nname = 'Al'\nemails = ['alice@x']\ngroups = ['dev']\nkind = 'person'\n";
    let files =
        [("allowed_signers", allowed), ("signers.toml", signers.into()), ("revoked_keys", format!("# r\n{authority}"))];
    fs::create_dir(home.join("registry")).unwrap();
    let now = Timestamp(1_790_000_000);
    let when = When { now, received: None, verify_time: VerifyTime::Receipt, grace: 0, stated: None };
    let (trusted, mut loaded) = (TrustedFiles::new(&[]).unwrap(), 0);
    for number in 0..MUTATIONS {
        for (place, (name, text)) in files.iter().enumerate() {
            let bytes = if number % 3 == place { dice.mutated(text.as_bytes()) } else { text.as_bytes().to_vec() };
            home.write(&format!("registry/{name}"), &bytes);
        }
        let Ok(registry) = Registry::load(&trusted, &home.join("registry"), &[], &TimeZone::UTC) else { continue };
        loaded += 1;
        let told = || {
            signatures.each_ref().map(|signature| {
                let attribution = registry.attribute(signature, &when);
                (attribution.status_name(), attribution.signer().cloned())
            })
        };
        let from_some_lines = told();
        registry.check(when.now);
        registry.list(when.now);
        assert_eq!(told(), from_some_lines);
    }
    assert!(loaded > MUTATIONS / 5, "{loaded}");
}
