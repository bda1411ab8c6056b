//! `countersign_fuzz::ref_updates` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| countersign_fuzz::ref_updates(input));
