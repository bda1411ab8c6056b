//! `countersign_fuzz::allowed_signers` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| countersign_fuzz::allowed_signers(input));
