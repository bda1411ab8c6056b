//! Each hint that a refusal prints, followed; then the push goes through.
