//! The yearly report, over what real pushes left, and over a year that was recorded.

use crate::{
    ledger_queries::{ledger, ledger_json, pushes, world},
    support::{
        self, browser, keys,
        year::{WEAKER, Year},
    },
};
use serde_json::{Value, json};
use std::{fs, path::Path, process::Command};

#[test]
fn pushes_refusals_and_signers_are_counted() {
    let world = world();
    let carol = world.registry_path().join("openpgp/carol.asc");
    fs::write(&carol, keys::public_openpgp(keys::CAROL_EXPIRED)).unwrap();
    support::set_mode(&carol, 0o644);
    pushes(&world);
    let (status, report) = ledger_json(&world, &["report"]);
    assert_eq!(status, 0);
    assert_eq!(report["pushes"], json!({"accepted": 3, "refused": 1}));
    assert_eq!(report["changes"], json!({"completed": 3, "refused": 1}));
    let place = world.server().canonicalize().unwrap();
    assert_eq!(report["repositories"], json!([{"path": place, "changes": {"accepted": 3, "refused": 1}}]));
    let pushers = json!([
        {"id": "alice", "account": null, "changes": {"accepted": 2, "refused": 1}},
        {"id": null, "account": "nobody", "changes": {"accepted": 1, "refused": 0}},
    ]);
    assert_eq!(report["pushers"], pushers);
    let reasons = json!([
        {"reason": "unknown-key", "refused": 1, "told": 0, "waived": 0},
        {"reason": "unsigned", "refused": 0, "told": 1, "waived": 0},
    ]);
    assert_eq!(report["reasons"], reasons);
    let key = keys::fingerprint(keys::ALICE_SSH);
    assert_eq!(report["signers"], json!([{"signer": "alice", "objects": 2, "keys": {key: 2}}]));
    assert_eq!(report["statuses"], json!({"good": 2, "unsigned": 1}));
    let keys = report["keys"].as_array().unwrap();
    let ended = json!({"signer": "carol@example.com", "key": format!("openpgp:{}", keys::fingerprint(keys::CAROL_EXPIRED)), "state": "expired", "ends": null});
    assert_eq!(keys, &[ended], "those of others are good, and stay so");
    assert_eq!(report["coverage"]["unread"], json!([]));
    let (status, out, error) = ledger(&world, &["report"]);
    assert_eq!((status, &*error), (0, ""));
    for expected in [
        "yearly report of the ledger ",
        "\npushes\n  3  accepted\n  1  refused\n",
        "\npushers\n  3  alice             2 accepted, 1 refused\n  1  (account nobody)  1 accepted, 0 refused\n",
        "\nchanges refused, by reason\n  1  unknown-key\n  0  unsigned     1 only told\n",
        "\ncommits and tags brought, by signature\n  2  good\n  1  unsigned\n",
        "\nemergencies (`ledger emergencies` has all of them): none\n",
    ] {
        assert!(out.contains(expected), "{expected}\n{out}");
    }
    // A rule that warns is a period with less protection.
    assert!(out.contains("rule `release` of ") && out.contains(": warned only\n"), "{out}");
    let (_, report) = ledger_json(&world, &["report", "--to", "2001-01-01"]);
    assert_eq!((&report["pushes"], &report["reasons"]), (&json!({}), &json!([])));
    let (_, report) = ledger_json(&world, &["report", "--ref", "release"]);
    assert_eq!(report["pushes"], json!({"accepted": 1}));
    assert_eq!(report["coverage"]["former"], json!(null));
    // A ledger that continues another says where the rest is.
    let (former, next) = (world.path("ledger").canonicalize().unwrap(), world.path("next"));
    let (status, _, error) = ledger(&world, &["close", "--next", next.to_str().unwrap(), "--yes"]);
    assert_eq!(status, 0, "{error}");
    let (_, report) = ledger_json(&world, &["report", "--ledger", next.to_str().unwrap()]);
    assert_eq!((&report["pushes"], &report["coverage"]["former"]), (&json!({}), &json!(former)));
    let limits = report["coverage"]["limits"].to_string();
    assert!(limits.contains("stands in the ledger that it continues, in "), "{limits}");
}

#[test]
fn what_became_weaker_what_moved_and_what_was_an_emergency_is_told() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("ledger");
    drop(Year::pass(&folder));
    let ask = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(["ledger", "report", "--ledger"]).arg(&folder).args(arguments).current_dir(temporary.path());
        let output = support::run(command, b"");
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let (status, out) = ask(&["--format", "json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(status, 0);
    assert_eq!(report["changes"], json!({"completed": 7, "failed": 1, "open": 1, "refused": 3}));
    let of =
        |list: &str, key: &str| report[list].as_array().unwrap().iter().map(|one| one[key].clone()).collect::<Vec<_>>();
    assert_eq!(of("policies", "record"), [1, 2, 13, 14]);
    assert_eq!(of("policies", "weaker"), [json!([]), json!([]), json!([WEAKER]), json!([])]);
    assert_eq!(of("emergencies", "record").len(), 6);
    assert_eq!(of("moved", "record"), [17]);
    assert_eq!(of("periods", "how"), ["warn", "off", "weaker"]);
    let (_, out) = ask(&[]);
    for expected in [
        "  2026-05-11 03:12:00 UTC  record 13  the policy of /etc/countersign/policy.toml changed\n",
        "weaker: rule `main`: updates.force-push: `nobody` becomes `anyone`\n",
        "  2026-02-14 03:12:00 UTC  record 3   reviewed; refs/heads/main; INC-1041: certificate of the gateway has expired, no",
        "\nrefs that moved without a decision: 1\n",
    ] {
        assert!(out.contains(expected), "{expected}\n{out}");
    }
    assert!(!out.contains('\u{202e}'), "{out}");
    let (status, page) = ask(&["--format", "html"]);
    assert_eq!(status, 0);
    for never in ["<script", "<img", "<b>", "\u{202e}"] {
        assert!(!page.contains(never), "{never}");
    }
    // Left for whoever wants to look at it.
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report.html");
    fs::write(&file, &page).unwrap();
    let rendered = browser::render(&file, browser::Scheme::Dark, (1100, 900));
    assert_eq!(rendered.requests, [""; 0]);
    assert_eq!(rendered.screen.at(5, 5), [0x0f, 0x13, 0x18]);
    for (text, count) in [("<table>", 8), ("<bdi>emergency-used</bdi>", 1), ("review overdue</span>", 1)] {
        assert_eq!(rendered.document.matches(text).count(), count, "{text}");
    }
    let (status, _) = ask(&["--format", "csv"]);
    assert_eq!(status, 2);
}
