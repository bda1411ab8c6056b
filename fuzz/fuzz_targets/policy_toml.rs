//! `countersign_fuzz::policy_toml` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| countersign_fuzz::policy_toml(input));
