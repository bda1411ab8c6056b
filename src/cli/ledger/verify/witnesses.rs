//! Which witnesses signed the checkpoints that were kept: c2sp.org/tlog-cosignature.

use super::{Against, Findings};
use crate::ledger::key::VerifierKey;
use serde_json::{Value, json};

/// What a witness vouches for.
pub(super) struct Vouching {
    name: String,
    /// The largest of the checkpoints that it signed: how many records it covers, the file, and when it was signed, in seconds
    /// since 1970.
    last: Option<(u64, String, i64)>,
}

/// What each witness vouches for. A signature that is not good, and a witness that signed none, are findings.
pub(super) fn vouching(witnesses: &[VerifierKey], against: &[Against], findings: &mut Findings) -> Vec<Vouching> {
    let mut all = Vec::new();
    for witness in witnesses {
        let (mut last, mut is_bad) = (None, false);
        for Against { file, checkpoint, .. } in against {
            match checkpoint.cosigned(std::slice::from_ref(witness)) {
                Ok(signed) => {
                    for time in signed.iter().filter_map(|signed| signed.time()) {
                        last = last.max(Some((checkpoint.size, file.clone(), time)));
                    }
                }
                Err(error) => {
                    is_bad = true;
                    findings.add("other-witness", file.clone(), format!("the witness {}: {error}", witness.name()));
                }
            }
        }
        if last.is_none() && !is_bad {
            let what = "it signed none of the checkpoints given";
            findings.add("no-witness", format!("the witness {}", witness.name()), what.to_owned());
        }
        all.push(Vouching { name: witness.name().to_owned(), last });
    }
    all
}

impl Vouching {
    pub(super) fn sentence(&self) -> String {
        let Self { name, last } = self;
        match last {
            Some((size, file, time)) => {
                let time = crate::ledger::moment(crate::push::Timestamp(*time));
                format!("the witness {name} vouches for {file}, of {size} records, as it saw it at {time}")
            }
            None => format!("the witness {name} vouches for nothing"),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let last = self.last.as_ref().map(|(size, file, time)| {
            json!({ "size": size, "file": file, "time": crate::ledger::moment(crate::push::Timestamp(*time)) })
        });
        json!({ "name": self.name, "last": last })
    }
}
