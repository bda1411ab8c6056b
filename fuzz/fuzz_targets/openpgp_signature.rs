//! `countersign_fuzz::openpgp_signature` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| countersign_fuzz::openpgp_signature(input));
