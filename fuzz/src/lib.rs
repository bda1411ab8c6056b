//! What is fuzzed. Each function takes one input, whatever it is, and asserts what must hold of it: not only that nothing
//! panics. libFuzzer calls them (`fuzz_targets/`), and so does the test suite, over `seeds/` and what is close to them.
//!
//! They go through the crate's public interface alone.

pub mod known;
mod object;
mod policy;
mod push;
mod registry;
mod signature;
pub mod wire;

pub use object::{commit, tag};
pub use policy::policy_toml;
pub use push::{push_certificate, ref_updates};
pub use registry::{allowed_signers, krl, openpgp_certificates, signers_toml};
pub use signature::{armor, certificate, openpgp_signature, sshsig};

/// Each with its name, which is that of its folder in `seeds/`, too.
pub const TARGETS: [(&str, fn(&[u8])); 13] = [
    ("allowed_signers", allowed_signers),
    ("armor", armor),
    ("certificate", certificate),
    ("commit", commit),
    ("krl", krl),
    ("openpgp_certificates", openpgp_certificates),
    ("openpgp_signature", openpgp_signature),
    ("policy_toml", policy_toml),
    ("push_certificate", push_certificate),
    ("ref_updates", ref_updates),
    ("signers_toml", signers_toml),
    ("sshsig", sshsig),
    ("tag", tag),
];

/// Nothing of it may act on a terminal or begin a line once it is escaped.
fn assert_escapable(text: &str) {
    let escaped = countersign::report::escaped(text);
    assert!(!escaped.chars().any(char::is_control), "{escaped:?}");
}
