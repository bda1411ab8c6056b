//! The fuzz targets on a stable toolchain: over their seeds, what fuzzing once found, and hundreds of inputs near them. All
//! the same in every run.

#[path = "../../fuzz/src/lib.rs"]
pub mod targets;

use crate::support::Dice;
use countersign::{
    document::Groups,
    object::{Commit, Slot, Tag},
    policy,
    push::{ObjectFormat, PushCertificate},
    registry::{Parts, Registry},
};
use jiff::tz::TimeZone;
use std::{
    collections::BTreeSet,
    fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
};
use targets::{TARGETS, known, wire};

/// Of each target, shared out among its seeds.
const MUTATIONS: usize = 400;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn try_all(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let seeds: Vec<_> = names(&folder().join("seeds").join(name))
        .into_iter()
        .map(|seed| (fs::read(folder().join("seeds").join(name).join(&seed)).unwrap(), seed))
        .collect();
    assert!(seeds.len() > 3, "{name} has {} seeds", seeds.len());
    let attempt = |input: &[u8], what: &str| {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
            eprintln!("{what}: {}", input.escape_ascii());
            resume_unwind(panic);
        }
    };
    attempt(b"", "nothing");
    for (bytes, seed) in &seeds {
        attempt(bytes, seed);
    }
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for number in 0..MUTATIONS {
        let (bytes, seed) = &seeds[number % seeds.len()];
        let (other, _) = &seeds[dice.below(seeds.len())];
        attempt(&dice.crossed(bytes, other), &format!("mutation {number}, of {seed}"));
    }
}

/// Or the targets would only show that what is broken is refused.
#[test]
fn seeds_that_ought_to_be_good_are() {
    let seed = |name: &str| fs::read(folder().join("seeds").join(name)).unwrap();
    let good = |armor: &[u8]| assert!(known::is_good(known::PAYLOAD, armor), "{}", armor.escape_ascii());
    for name in ["alice", "alice-sha256", "alice-certified", "bob", "rsa", "security-key-1", "security-key-5"] {
        good(&wire::ssh_armor(&seed(&format!("sshsig/{name}"))));
    }
    for name in ["dave", "erin", "notation"] {
        good(&wire::openpgp_armor(&seed(&format!("openpgp_signature/{name}"))));
    }
    for name in ["alice", "alice-certified", "bob", "dave", "erin", "mallory", "carriage-returns"] {
        good(&seed(&format!("armor/{name}")));
    }
    for (name, format) in [("sha1", ObjectFormat::Sha1), ("sha256", ObjectFormat::Sha256)] {
        let [ssh, openpgp] = [format!("ssh-{name}"), format!("openpgp-{name}")];
        for seed in [&ssh, &openpgp].map(|kind| seed(&format!("commit/{kind}"))) {
            let Slot::One(signed) = Commit::parse(&seed, format).unwrap().signature else { panic!("no signature") };
            assert!(known::is_good(&signed.payload, &signed.signature));
        }
        for seed in [&ssh, &openpgp].map(|kind| seed(&format!("tag/{kind}"))) {
            let Slot::One(signed) = Tag::parse(&seed, format).unwrap().signature else { panic!("no signature") };
            assert!(known::is_good(&signed.payload, &signed.signature));
        }
        for seed in [&ssh, &openpgp].map(|kind| seed(&format!("push_certificate/{kind}"))) {
            let certificate = PushCertificate::parse(&seed, format).unwrap();
            assert!(known::is_good(certificate.payload, certificate.signature));
        }
    }
    for name in ["whole", "windows", "short"] {
        let source = String::from_utf8(seed(&format!("policy_toml/{name}"))).unwrap();
        let groups = Groups::from([("dev".to_owned(), Vec::new())]);
        assert!(policy::compile(&source, &groups).is_ok(), "{name}");
    }
    for name in ["people", "shared", "states"] {
        let parts = Parts { signers: seed(&format!("signers_toml/{name}")), ..known::parts() };
        assert!(Registry::from_parts(Path::new("registry"), parts, &TimeZone::UTC).is_ok(), "{name}");
    }
    for name in
        ["lines", "keys", "nothing", "sha1", "sha256", "fingerprint", "serials", "range", "bitmap", "ids", "mixed"]
    {
        let parts = Parts { revoked_keys: seed(&format!("krl/{name}")), ..known::parts() };
        assert!(Registry::from_parts(Path::new("registry"), parts, &TimeZone::UTC).is_ok(), "{name}");
    }
}

macro_rules! smoke {
    ($($name:ident),* $(,)?) => {
        $(#[test] fn $name() { try_all(stringify!($name)); })*

        #[test]
        fn every_target_is_run_here_by_libfuzzer_and_by_its_name() {
            let here = BTreeSet::from([$(stringify!($name).to_owned()),*]);
            assert_eq!(TARGETS.iter().map(|target| target.name.to_owned()).collect::<BTreeSet<_>>(), here);
            let with_ending: BTreeSet<_> = here.iter().map(|name| format!("{name}.rs")).collect();
            assert_eq!(names(&folder().join("fuzz_targets")), with_ending);
            let manifest = fs::read_to_string(folder().join("Cargo.toml")).unwrap();
            for name in &here {
                assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"\n")), "{name}");
                let calls = fs::read_to_string(folder().join(format!("fuzz_targets/{name}.rs"))).unwrap();
                assert!(calls.contains(&format!("countersign_fuzz::{name}(input)")), "{name}");
                assert!(names(&folder().join("seeds")).contains(name), "{name}");
            }
        }
    };
}

smoke! {
    allowed_signers,
    armor,
    certificate,
    commit,
    krl,
    ledger,
    openpgp_certificates,
    openpgp_signature,
    policy_toml,
    push_certificate,
    ref_updates,
    signers_toml,
    sshsig,
    tag,
}
