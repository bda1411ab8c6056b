//! `countersign_fuzz::signers_toml` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| countersign_fuzz::signers_toml(input));
