//! Asking a witness to cosign a checkpoint: c2sp.org/tlog-witness, what is sent and what comes back. Pure: who sends it is
//! another's business.

use super::{
    checkpoint::decimal,
    key::{Signed, VerifierKey},
    note::{self, Note, NoteError},
    tree::Hash,
};
use crate::bounds::Bounds;

/// The body of `POST <witness>/add-checkpoint`: the size that the witness cosigned last (0: none), the consistency proof
/// from there (63 hashes at most, as [`super::tree::consistency`] gives) and the signed checkpoint.
pub fn request(old_size: u64, proof: &[Hash], checkpoint: &Note) -> String {
    let proof: String = proof.iter().map(|hash| format!("{hash}\n")).collect();
    format!("old {old_size}\n{proof}\n{checkpoint}")
}

/// What a witness answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It cosigned.
    Cosigned {
        /// The checkpoint with the cosignatures that are verified.
        checkpoint: Note,
        /// By whom and when.
        signed: Vec<Signed>,
    },
    /// Its last checkpoint of this log is of another size: the proof has to begin there.
    Behind {
        /// That size.
        size: u64,
    },
    /// It did not, with this HTTP status: 400 malformed, 403 no signature it trusts, 404 a log it does not know, 409 another
    /// tree of this size, 422 a proof that does not hold.
    Refused {
        /// The status.
        status: u16,
    },
}

/// Reads an answer: its HTTP status and its body, of at most [`Bounds::NOTE`] bytes.
///
/// # Errors
/// With status 200: lines that are no signatures; a cosignature by one of these keys that is not good, or that states no
/// time; none by them.
pub fn answer(status: u16, body: &[u8], checkpoint: &Note, witnesses: &[VerifierKey]) -> Result<Answer, NoteError> {
    if body.len() > Bounds::NOTE {
        return Err(NoteError::TooLarge);
    }
    let text = std::str::from_utf8(body).ok();
    match (status, text) {
        (200, None) => Err(NoteError::Text),
        (200, Some(text)) => cosigned(text, checkpoint, witnesses),
        // Also 409, without a size: the roots differ.
        (409, Some(text)) => Ok(text
            .strip_suffix('\n')
            .and_then(decimal)
            .map_or(Answer::Refused { status }, |size| Answer::Behind { size })),
        _ => Ok(Answer::Refused { status }),
    }
}

fn cosigned(body: &str, checkpoint: &Note, witnesses: &[VerifierKey]) -> Result<Answer, NoteError> {
    let lines = note::signature_lines(body)?;
    // Those of unknown keys are passed over, says the specification; so they are not kept.
    let known: Vec<_> = lines.into_iter().filter(|line| witnesses.iter().any(|key| line.is_by(key))).collect();
    let opened = checkpoint.signed_by_lines(known.clone()).open(witnesses)?;
    // "The cosignature MUST NOT omit the timestamp, i.e. the timestamp MUST NOT be zero."
    if opened.signed().iter().any(|signed| signed.time().is_none_or(|time| time == 0)) {
        return Err(NoteError::Untimed);
    }
    let checkpoint = known.into_iter().try_fold(checkpoint.clone(), Note::with)?;
    Ok(Answer::Cosigned { checkpoint, signed: opened.signed().to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{
        checkpoint::Checkpoint,
        key::{KeyError, SigningKey},
        note::tests::{cosignature, cosigner},
    };

    fn checkpoint() -> Note {
        Checkpoint::sign(5, Hash::leaf(b"x"), &SigningKey::from_seed("ledger.example", &[7; 32]).unwrap()).unwrap()
    }

    #[test]
    fn the_request_is_the_specifications_example() {
        let proof = ["PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=", "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk="];
        let note = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
            — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+\
            xeMcTOAYQ8=\n";
        let hashes = proof.map(|hash| Hash::from_base64(hash).unwrap());
        let body = request(20_852_014, &hashes, &Note::parse(note.as_bytes()).unwrap());
        assert_eq!(body, format!("old 20852014\n{}\n{}\n\n{note}", proof[0], proof[1]));
        assert_eq!(request(0, &[], &checkpoint()), format!("old 0\n\n{}", checkpoint()));
    }

    #[test]
    fn cosignatures_of_known_witnesses_are_added() {
        let (witness, other) = (cosigner("witness.example/w1", 1), cosigner("witness.example/w2", 2));
        let body = format!("{}{}", cosignature(&witness, &checkpoint(), 99), cosignature(&other, &checkpoint(), 98));
        let answered = answer(200, body.as_bytes(), &checkpoint(), std::slice::from_ref(&witness.key)).unwrap();
        let Answer::Cosigned { checkpoint: note, signed } = answered else { panic!("{answered:?}") };
        assert_eq!(note.lines().len(), 2);
        assert_eq!(
            signed.iter().map(|by| (by.key().name(), by.time())).collect::<Vec<_>>(),
            [("witness.example/w1", Some(99))]
        );
        assert_eq!(note.open(std::slice::from_ref(&witness.key)).unwrap().signed(), signed);
    }

    #[test]
    fn what_is_no_cosignature_is_an_error() {
        let witness = cosigner("witness.example/w1", 1);
        let refused =
            |body: &str| answer(200, body.as_bytes(), &checkpoint(), std::slice::from_ref(&witness.key)).unwrap_err();
        let good = cosignature(&witness, &checkpoint(), 99);
        let of_another = cosignature(&cosigner("witness.example/w1", 2), &checkpoint(), 99);
        let later = Checkpoint::sign(6, Hash::leaf(b"y"), &SigningKey::from_seed("ledger.example", &[7; 32]).unwrap());
        assert_eq!(refused(&of_another), NoteError::NotSignedBy);
        assert_eq!(refused(&cosignature(&witness, &later.unwrap(), 99)), NoteError::Key(KeyError::BadSignature));
        assert_eq!(refused(&cosignature(&witness, &checkpoint(), 0)), NoteError::Untimed);
        assert_eq!(refused(good.trim_end()), NoteError::Line);
        assert_eq!(refused(""), NoteError::Line);
        assert_eq!(refused(&format!("{good}\n")), NoteError::Line);
        assert_eq!(refused(&good.repeat(Bounds::NOTE_SIGNATURES + 1)), NoteError::TooManySignatures);
        assert_eq!(refused(&" ".repeat(Bounds::NOTE + 1)), NoteError::TooLarge);
        // The log's own signature is no cosignature.
        let own = checkpoint().to_string().rsplit_once("\n\n").unwrap().1.to_owned();
        assert_eq!(refused(&own), NoteError::NotSignedBy);
    }

    #[test]
    fn a_witness_that_is_elsewhere_says_where() {
        let answered = |status, body: &[u8]| answer(status, body, &checkpoint(), &[]).unwrap();
        assert_eq!(answered(409, b"20852014\n"), Answer::Behind { size: 20_852_014 });
        assert_eq!(answered(409, b"0\n"), Answer::Behind { size: 0 });
        for body in [b"5".as_slice(), b"05\n", b"-5\n", b"other roots\n", b"\xff\n", b""] {
            assert_eq!(answered(409, body), Answer::Refused { status: 409 });
        }
        for status in [400, 403, 404, 422, 500, 302] {
            assert_eq!(answered(status, b"5\n"), Answer::Refused { status });
        }
    }
}
