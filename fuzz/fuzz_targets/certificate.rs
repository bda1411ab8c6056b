//! `countersign_fuzz::certificate` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| countersign_fuzz::certificate(input));
