//! What came of a push, and what each reason is called in words.

use std::collections::BTreeMap;

/// What came of a push.
#[derive(Debug)]
pub struct Pushed {
    pub succeeded: bool,
    /// All that the client's terminal showed.
    pub output: String,
    /// The hook's exit status; `None` if it did not run.
    pub hook: Option<i32>,
    /// What the server's refs were, full name to id.
    pub before: BTreeMap<String, String>,
    pub after: BTreeMap<String, String>,
}

impl Pushed {
    /// What the hook told, without git's `remote: ` and its padding.
    pub fn told(&self) -> String {
        let lines =
            self.output.lines().filter_map(|line| line.strip_prefix("remote: ").or(line.strip_prefix("remote:")));
        lines.map(|line| line.trim_end().to_owned() + "\n").collect()
    }

    /// The hints, without the word.
    pub fn hints(&self) -> Vec<String> {
        self.told().lines().filter_map(|line| line.strip_prefix("hint: ")).map(str::to_owned).collect()
    }

    #[track_caller]
    pub fn expect_accepted(&self) {
        assert!(self.succeeded, "{}", self.output);
        assert_eq!(self.hook.unwrap_or(0), 0, "{}", self.output);
        let told = self.told();
        assert!(!told.contains("error:") && !told.contains("warning:"), "{}", self.output);
    }
}

/// Whether a refusal is told in the words for this reason.
pub fn is_told(told: &str, reason: &str) -> bool {
    let otherwise: &[&str] = match reason {
        "bad" => &["signed, and the signature does not count\n"],
        "unknown-key" => {
            &["signed by a key that counts for nobody\n", "the tag's signature does not count (unknown-key)"]
        }
        "create" => &["may create it\n"],
        "update" => &["may update it\n"],
        "force-push" => &["may force-push it, and"],
        "delete" => &["may delete it\n"],
        "tag-moved" => &["may move it, and"],
        "approval-form" => &["it is no annotated tag of a commit", "calls itself", "points at another object than"],
        "approval-settles" => &["owes no review of", "it does not settle record"],
        "emergency-tag" => &[
            "it is no annotated tag of a commit",
            "calls itself",
            "points at no commit",
            "declares no emergency: ",
            "has another ticket, ",
        ],
        _ => &[],
    };
    told.contains(phrase_of(reason)) || otherwise.iter().any(|words| told.contains(words))
}

/// Words that a refusal for this reason holds.
pub fn phrase_of(reason: &str) -> &'static str {
    match reason {
        "unsigned" => "not signed",
        "bad" => "the signature does not match the content",
        "unknown-key" => "signed by a key nobody has registered",
        "key-expired" => "signed by a key that has expired",
        "certificate-expired" => "signed with a certificate that has expired",
        "signature-expired" => "signed, and the signature has expired",
        "key-revoked" => "signed by a key that is revoked",
        "key-retired" => "signed by a key that is retired",
        "key-compromised" => "signed by a key that is compromised",
        "key-not-yet-valid" => "signed by a key that is not valid yet",
        "signature-in-future" => "signed with a date ahead of this server's clock",
        "weak" => "signed with an algorithm that is too weak",
        "malformed" => "signed with a malformed signature",
        "unsupported" => "signed in a way that this version cannot check",
        "ambiguous" => "ambiguous",
        "malformed-object" => "is malformed: it ",
        "too-large" => "too large to be judged",
        "declared-type" => "says that it points at a ",
        "too-deep" => "deeper than is followed",
        "shallow" => "comes from a shallow repository",
        "pusher" => "may push to it\n",
        "no-push-certificate" => "the push itself must be signed, and it is not",
        "push-certificate" => "the push is signed, and its certificate does not count",
        "via" => "it may change by ",
        "replace-ref" => "replacement refs change what everyone reads",
        "stale" => "the push says otherwise",
        "unmatched-ref" => "no rule of the policy covers this ref",
        "not-a-commit" => "a branch must point at a commit",
        "no-commits" => "it must point at signed commits",
        "force-push" => "this is a force-push, and nobody may",
        "create" => "nobody may create it",
        "update" => "it is frozen",
        "delete" => "nobody may delete it",
        "tag-moved" => "the tag exists already",
        "not-annotated" => "this is a lightweight tag",
        "tag-name" => "calls itself",
        "tag-not-on" => "what it tags is not on",
        "not-allowed" => "who is not allowed to",
        "format" => "and the rule takes",
        "security-key" => "and the rule asks for a security key",
        "path-not-allowed" => " may change; ",
        "path-forbidden" => "which is forbidden there",
        "path-too-large" => "larger than is allowed there",
        "forge" => "whose signatures do not count here",
        "forge-push" => "and this is no merge or edit made there",
        "forge-actor" => "does not know who acted there",
        "forge-not-a-merge" => "that change nothing of their own",
        "merge-tag" => "what bears no signed tag",
        "merge-tag-unreadable" => "a tag that cannot be read as one of it",
        "merge-tag-unsigned" => "a tag that is not signed",
        "merge-tag-fault" => "a tag whose signature does not count",
        "merge-tag-signer" => "a tag signed by one who may not",
        "identity-unregistered" => "whom nobody has registered",
        "identity-signer" => ", and the signer is ",
        "identity-unsigned" => "who must be the signer",
        "pusher-unknown" => "it is not known who pushes",
        "pusher-unsigned" => "must have signed the new tip, which has no signature that counts",
        "pusher-signer" => "pushes and must have signed the new tip, which ",
        "merge" => "and no merge may come in",
        "not-a-merge" => "and every first-parent commit must be one",
        "too-many-commits" => "may come at once",
        "message-missing" => "not match `",
        "message-forbidden" => ", and must not",
        "sign-off" => "no `Signed-off-by` of the",
        "review" => "it must be approved by ",
        "emergency-form" => "declares no emergency: ",
        "emergency-unsigned" => "declares an emergency and is not signed",
        "emergency-signature" => "declares an emergency, and its signature does not count (",
        "emergency-ref" => "declares an emergency of another ref, ",
        "emergency-not-allowed" => ", who signed it, may not\n",
        "emergency-pusher" => "declares an emergency of `",
        "emergency-ticket" => "is no ticket: it must match ",
        "emergency-used" => "and was used already (record ",
        "emergency-approvals" => " must approve first, and ",
        "emergency-overdue" => "an earlier one was not reviewed in time: record ",
        "approval-form" => "its name is not made so: ",
        "approval-signer" => "`, who signed it",
        "approval-settles" => "its trailer `Settles` has no record's number: ",
        "emergency-tag" => "its name is not made so: ",
        "signed-tag-moved" => "is never moved\n",
        "signed-tag-withdrawn" => "it was taken back; only who signed it may bring it again, and ",
        "canary" => "the hook runs, and refuses the canary `",
        "signed-tag-deleted" => "only who signed it may delete it, and ",
        other => panic!("no words are stated for `{other}`"),
    }
}
