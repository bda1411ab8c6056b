//! What no hook can do without: the arithmetic of the signatures, as this program does it, on all cores, and nothing else.

use crate::{corpora::Signer, measure::Cost};
use aws_lc_rs::signature::{ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA512, VerificationAlgorithm};
use std::{thread, time::Instant};

/// So many signatures of one key, each of something else.
pub struct Floor {
    key: Vec<u8>,
    algorithm: &'static dyn VerificationAlgorithm,
    signed: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Floor {
    pub fn ed25519(count: usize) -> Self {
        Self::new(&Signer::ssh(0), &ED25519, count)
    }

    pub fn rsa(count: usize) -> Self {
        Self::new(&Signer::rsa(0), &RSA_PKCS1_2048_8192_SHA512, count)
    }

    fn new(signer: &Signer, algorithm: &'static dyn VerificationAlgorithm, count: usize) -> Self {
        let cores = thread::available_parallelism().unwrap().get();
        let numbers: Vec<usize> = (0..count).collect();
        let sign = |number: &usize| {
            let message =
                format!("number {number} of what is signed, about as long as what SSHSIG signs of a commit, {number}");
            let signature = signer.raw_signature(message.as_bytes());
            (message.into_bytes(), signature)
        };
        let signed = thread::scope(|scope| {
            let parts = numbers.chunks(count.div_ceil(cores));
            let threads: Vec<_> =
                parts.map(|part| scope.spawn(move || part.iter().map(sign).collect::<Vec<_>>())).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        Self { key: signer.raw_public_key(), algorithm, signed }
    }

    /// What it costs to verify all of them.
    pub fn verifying(&self) -> Cost {
        let cores = thread::available_parallelism().unwrap().get();
        let key = ParsedPublicKey::new(self.algorithm, &self.key).unwrap();
        let begin = Instant::now();
        thread::scope(|scope| {
            for part in self.signed.chunks(self.signed.len().div_ceil(cores)) {
                let key = &key;
                scope.spawn(move || {
                    part.iter().for_each(|(message, signature)| key.verify_sig(message, signature).unwrap())
                });
            }
        });
        let elapsed = begin.elapsed().as_secs_f64();
        Cost { elapsed, processor: elapsed * cores as f64 }
    }
}
