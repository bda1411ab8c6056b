//! `countersign_fuzz::krl` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| countersign_fuzz::krl(input));
