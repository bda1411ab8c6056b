//! `countersign_fuzz::push_certificate` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| countersign_fuzz::push_certificate(input));
