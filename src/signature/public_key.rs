//! The public-key operation, for every format, in one place (aws-lc-rs; what it does not do falls back to the format's own crate).
