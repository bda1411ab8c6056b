//! Each attack refused for its reason; its legitimate twin accepted.
