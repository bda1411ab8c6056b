//! The ledger's database, and those of the ledgers that it continues.

use super::{Against, Findings, Former, Verified};
use crate::{
    Undecided,
    cli::progress::Progress,
    ledger::{Computed, Damage, Ledger, key::VerifierKey},
};

/// What was computed of one of them.
struct Whole<'a> {
    ledger: &'a Ledger,
    /// `None` of the one asked.
    folder: Option<String>,
    computed: Computed,
    /// Those that signed it, in turn.
    keys: Vec<VerifierKey>,
}

/// Verifies all of them. `held`: a key that must have signed one of them: each names the next one's.
pub(super) fn verify(
    ledger: &Ledger,
    held: Option<&VerifierKey>,
    mut against: Vec<Against>,
) -> Result<Verified, Undecided> {
    let (mut findings, mut missing) = (Findings::default(), None);
    let mut chain = vec![whole(ledger, None, &mut findings)?];
    let mut last = ledger;
    loop {
        let shown = last.former_folder().map(|folder| folder.display().to_string());
        match (last.former(), shown) {
            (Ok(Some(former)), Some(shown)) => {
                chain.push(whole(former, Some(shown), &mut findings)?);
                last = former;
                continue;
            }
            (Err(_), Some(shown)) if last.is_former_missing() => missing = Some(shown),
            (Err(undecided), Some(_)) => {
                findings.add("other-former", "the former ledger".into(), undecided.cause.to_string());
            }
            // That the first record cannot be read is found already.
            (Ok(_) | Err(_), _) => {}
        }
        break;
    }
    if let Some(held) = held.filter(|held| chain.iter().all(|whole| !whole.keys.contains(held))) {
        findings.add("other-key", "the key".into(), format!("the ledger was never signed with {held}"));
    }
    for kept in &mut against {
        let is_of = |whole: &&Whole<'_>| whole.keys.iter().any(|key| key.name() == kept.checkpoint.origin);
        let Some(Whole { ledger, folder, computed, keys }) = chain.iter().find(is_of).or(chain.first()) else {
            continue;
        };
        kept.of.clone_from(folder);
        let mut read = |level, index| ledger.hash(level, index);
        if let Err(inconsistent) = kept.checkpoint.check((computed.size, computed.root), keys, &mut read) {
            findings.add(inconsistent.code(), kept.file.clone(), inconsistent.to_string());
        }
    }
    let mut chain = chain.into_iter();
    let own = chain.next().map(|whole| whole.computed);
    let former = chain.filter_map(|Whole { folder, computed, .. }| {
        folder.map(|shown| Former { shown, size: computed.size, root: computed.root })
    });
    Ok(Verified {
        shown: ledger.folder().display().to_string(),
        head: own.as_ref().map(|own| (own.size, own.root)),
        key: own.and_then(|own| own.key),
        former: former.collect(),
        missing,
        against,
        witnesses: None,
        findings,
    })
}

fn whole<'a>(ledger: &'a Ledger, folder: Option<String>, findings: &mut Findings) -> Result<Whole<'a>, Undecided> {
    let of = folder.as_ref().map(|folder| format!(" of {folder}")).unwrap_or_default();
    let progress = Progress::counting("verifying", "records");
    let mut damaged = |damage: Damage| findings.add("damaged", format!("{}{of}", damage.place), damage.what);
    let computed = ledger.verify_in_steps(&mut damaged, &|| progress.step());
    progress.finish();
    let computed = computed?;
    let keys: Vec<_> = match ledger.keys() {
        Ok(keys) => keys.into_iter().map(|(_, key)| key).collect(),
        Err(undecided) => {
            findings.add("damaged", format!("the ledger's keys{of}"), undecided.to_string());
            Vec::new()
        }
    };
    Ok(Whole { ledger, folder, computed, keys })
}
