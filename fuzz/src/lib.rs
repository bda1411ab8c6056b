//! What is fuzzed. Each function takes one input, whatever it is, and asserts what must hold of it: not only that nothing
//! panics. libFuzzer calls them (`fuzz_targets/`), and so does the test suite, over `seeds/` and what is close to them.
//!
//! They go through the crate's public interface alone.

pub mod known;
pub mod ledger;
mod object;
mod policy;
mod push;
mod registry;
mod signature;
pub mod wire;

pub use ledger::ledger;
pub use object::{commit, tag};
pub use policy::policy_toml;
pub use push::{push_certificate, ref_updates};
pub use registry::{allowed_signers, krl, openpgp_certificates, signers_toml};
pub use signature::{armor, certificate, openpgp_signature, sshsig};

/// A function, and the name of its seeds' folder.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 14] = [
    Target { name: "allowed_signers", run: allowed_signers },
    Target { name: "armor", run: armor },
    Target { name: "certificate", run: certificate },
    Target { name: "commit", run: commit },
    Target { name: "krl", run: krl },
    Target { name: "ledger", run: ledger },
    Target { name: "openpgp_certificates", run: openpgp_certificates },
    Target { name: "openpgp_signature", run: openpgp_signature },
    Target { name: "policy_toml", run: policy_toml },
    Target { name: "push_certificate", run: push_certificate },
    Target { name: "ref_updates", run: ref_updates },
    Target { name: "signers_toml", run: signers_toml },
    Target { name: "sshsig", run: sshsig },
    Target { name: "tag", run: tag },
];

/// Nothing of it may act on a terminal or begin a line once it is escaped.
fn assert_escapable(text: &str) {
    let escaped = countersign::report::escaped(text);
    assert!(!escaped.chars().any(char::is_control), "{escaped:?}");
}
