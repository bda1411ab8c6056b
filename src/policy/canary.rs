//! The built-in rule for `refs/countersign/canary/**`: nothing there is ever made, moved or deleted by a push, whoever pushes
//! and whatever the policy says. So whoever pushes there sees whether the hook runs, and its refusal names what was pushed.

use crate::push::RefName;

/// Below this nothing is let in.
pub const BELOW: &str = "refs/countersign/canary/";

/// What the name of a canary says beyond that, raw bytes; `None`: it is none.
pub fn nonce(name: &RefName) -> Option<&[u8]> {
    name.as_bytes().strip_prefix(BELOW.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_below_is_one() {
        let of = |name: &str| RefName::new(name.as_bytes()).as_ref().and_then(nonce).map(<[u8]>::to_vec);
        assert_eq!(of("refs/countersign/canary/0123"), Some(b"0123".to_vec()));
        assert_eq!(of("refs/countersign/canary/a/b"), Some(b"a/b".to_vec()));
        for other in ["refs/countersign/canary", "refs/countersign/canaries/x", "refs/heads/refs/countersign/canary/x"]
        {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
