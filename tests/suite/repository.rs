//! Reading real repositories: quarantine, alternates, refs, the walk.
