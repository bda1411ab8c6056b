//! The emergency register, over a ledger in which a year has passed.

use crate::support::{
    self, World,
    browser::{Scheme, render},
    objects,
    year::{HOSTILE, REPOSITORY, Year},
};
use countersign::{
    ledger::{key::SigningKey, note::Note},
    push::ObjectId,
};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A ledger in a folder of its own.
struct Ground {
    temporary: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        let ground = Self { temporary: tempfile::tempdir().unwrap() };
        drop(Year::pass(&ground.ledger()));
        ground
    }

    fn ledger(&self) -> PathBuf {
        self.temporary.path().join("ledger")
    }

    fn ask(&self, arguments: &[&str]) -> (i32, String, String) {
        ask(&self.ledger(), arguments)
    }

    fn register(&self, arguments: &[&str]) -> Value {
        let (status, out, error) = self.ask(&[&["emergencies", "--format", "json"], arguments].concat());
        assert_eq!((status, &*error), (0, ""), "{out}");
        serde_json::from_str(&out).unwrap()
    }
}

fn ask(ledger: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.arg("ledger").args(arguments).arg("--ledger").arg(ledger).env_remove("GIT_DIR");
    command.current_dir(ledger.parent().unwrap());
    let output = support::run(command, b"");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// What is at this key of each element.
fn each<'a>(list: &'a Value, key: &str) -> Vec<&'a Value> {
    list.as_array().unwrap().iter().map(|one| &one[key]).collect()
}

#[test]
fn a_year_is_told_whole() {
    let ground = Ground::new();
    let register = ground.register(&[]);
    let emergencies = &register["emergencies"];
    assert_eq!(each(emergencies, "record"), [3, 9, 15, 18, 22, 25]);
    assert_eq!(each(emergencies, "standing"), ["reviewed", "approved", "overdue", "reviewed-late", "not-done", "due"]);
    assert_eq!(each(emergencies, "state"), ["completed", "completed", "completed", "completed", "failed", "open"]);
    let first = &emergencies[0];
    assert_eq!(
        first["pusher"],
        json!({"id": "dave", "account": "dave@sso", "known-by": "certificate", "unknown": null, "via": null})
    );
    assert_eq!(first["paths"]["listed"], json!(["gateway/tls/renewal.tf", "gateway/variables.tf"]));
    let waiver = &first["waivers"][0];
    assert_eq!((&waiver["ticket"], &waiver["signer"]), (&json!("INC-1041"), &json!("dave")));
    assert_eq!((&waiver["waived"], &waiver["due"]), (&json!(["paths", "review"]), &json!("2026-02-17T03:12:00Z")));
    assert_eq!(each(&waiver["reviews"], "signer"), ["bob"]);
    assert_eq!(each(&waiver["reviews"], "time"), ["2026-02-15T00:12:00Z"]);
    let set_back = json!([{"how": "set-back", "record": 7, "time": "2026-02-16T06:12:00Z", "type": "decision"}]);
    assert_eq!(first["reverts"], set_back);
    assert_eq!(each(&emergencies[1]["approvals"], "signer"), ["alice"]);
    assert_eq!(emergencies[1]["waivers"][0]["settled-by"], json!(["alice"]));
    let attempts = &register["attempts"];
    assert_eq!(
        each(attempts, "reasons"),
        [&json!(["emergency-ticket"]), &json!(["emergency-used"]), &json!(["approval-form"])]
    );
    assert_eq!(each(attempts, "ref"), ["refs/heads/main", "refs/heads/main", "refs/emergencies/INC-1202/1"]);
    assert_eq!(each(&register["moved"], "record"), [17]);
    let periods = register["periods"].as_array().unwrap().iter();
    let periods: Vec<_> =
        periods.map(|one| (&one["rule"], &one["how"], &one["record"], &one["until-record"])).collect();
    let period = |rule: &str, how: &str, from: u64, to: u64| (json!(rule), json!(how), json!(from), json!(to));
    let expected = [period("main", "warn", 1, 2), period("releases", "off", 1, 2), period("main", "weaker", 13, 14)];
    let expected: Vec<_> = expected.iter().map(|(rule, how, from, to)| (rule, how, from, to)).collect();
    assert_eq!(periods, expected);
    let coverage = &register["coverage"];
    assert_eq!((&coverage["first"]["record"], &coverage["last"]["record"]), (&json!(0), &json!(25)));
    assert_eq!((&coverage["checkpoint"]["size"], &coverage["open"]), (&json!(26), &json!(1)));
    assert_eq!(coverage["unread"], json!([REPOSITORY]));
    let limits = coverage["limits"].to_string();
    for limit in
        ["No checkpoint is known to be held elsewhere", "Of 1 accepted change it is", "which cannot be read here"]
    {
        assert!(limits.contains(limit), "{limit}: {limits}");
    }
}

#[test]
fn each_emergency_bears_the_proof_that_a_third_party_checks() {
    let ground = Ground::new();
    let register = ground.register(&[]);
    for one in register["emergencies"].as_array().unwrap() {
        let number = one["record"].to_string();
        let (proof, record) = (ground.temporary.path().join("proof"), ground.temporary.path().join("record"));
        let paths = [&proof, &record].map(|path| path.to_str().unwrap());
        let (status, ..) = ground.ask(&["prove", &number, "--output", paths[0], "--record", paths[1]]);
        assert_eq!(status, 0);
        assert_eq!(one["proof"]["proof"], fs::read_to_string(&proof).unwrap());
        fs::write(&record, one["proof"]["record"].as_str().unwrap()).unwrap();
        fs::write(&proof, one["proof"]["proof"].as_str().unwrap()).unwrap();
        let mut check = Command::new("python3");
        check.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify_proof.py")).args(paths);
        support::run_well(
            {
                check.arg(ground.ledger().join("key.pub"));
                check
            },
            b"",
        );
    }
}

#[test]
fn a_part_of_it_says_which() {
    let ground = Ground::new();
    let records = |arguments: &[&str]| {
        let register = ground.register(arguments);
        each(&register["emergencies"], "record").into_iter().map(|number| number.as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(records(&["--from", "2026-04-03", "--to", "2026-06-20"]), [9, 15], "the last day belongs to it");
    assert_eq!(records(&["--from", "2026-04-03", "--to", "2026-06-20T00:00:00Z"]), [9]);
    assert_eq!(records(&["--ref", "main"]), [3, 15, 18, 25]);
    assert_eq!(records(&["--ref", "refs/heads/release/1.x"]), [9]);
    assert_eq!(records(&["--repository", "infra/live"]), [3, 9, 15, 18, 22, 25]);
    let register = ground.register(&["--from", "2026-07-01", "--ref", "main"]);
    assert_eq!(register["coverage"]["from"], "2026-07-01T00:00:00Z");
    assert_eq!(register["coverage"]["ref"], "refs/heads/main");
    assert_eq!(register["earlier"], json!([{"record": 15, "overdue": true}]));
    assert_eq!(each(&register["periods"], "rule"), [""; 0], "none reaches into it");
    let periods = &ground.register(&["--from", "2026-05-15", "--to", "2026-05-20"])["periods"];
    assert_eq!((each(periods, "how"), each(periods, "until-record")), (vec![&json!("weaker")], vec![&json!(14)]));
    let (_, out, _) = ground.ask(&["emergencies", "--from", "2026-07-01", "--ref", "main"]);
    assert!(out.contains("\n  only        the ref refs/heads/main\n"), "{out}");
    assert!(out.contains("\n  still owed from before: records 15 (overdue)\n"), "{out}");
    for (arguments, expected) in [
        (&["--repository", "nowhere"][..], "error: nothing is recorded of a repository `nowhere`\n"),
        (&["--ref", "a..b"], "error: `a..b` is not the name of a ref\n"),
        (&["--from", "2026-02-01", "--to", "2026-01-01"], "error: the period ends before it begins\n"),
    ] {
        let (status, out, error) = ground.ask(&[&["emergencies"], arguments].concat());
        assert_eq!((status, &*out, &*error), (2, "", expected));
    }
}

#[test]
fn what_is_overdue_is_listed_alone_and_ends_with_1() {
    let ground = Ground::new();
    let (status, out, _) = ground.ask(&["emergencies", "--overdue", "--format", "json"]);
    let register: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, each(&register["emergencies"], "record")), (1, vec![&json!(15)]));
    assert_eq!((&register["attempts"], &register["moved"]), (&json!([]), &json!([])));
    let (status, out, _) = ground.ask(&["emergencies", "--overdue"]);
    assert_eq!(status, 1);
    assert!(out.contains("\nrecord 15: review overdue\n") && !out.contains("refused attempts"), "{out}");
    // One that is overdue from before is, too.
    assert_eq!(ground.ask(&["emergencies", "--overdue", "--from", "2026-07-01"]).0, 1);
    assert_eq!(ground.ask(&["emergencies", "--overdue", "--ref", "release/1.x"]).0, 0);
    assert_eq!(ground.ask(&["emergencies"]).0, 0, "asked for all");
}

#[test]
fn people_read_it_line_by_line() {
    let ground = Ground::new();
    let (status, out, error) = ground.ask(&["emergencies"]);
    assert_eq!((status, &*error), (0, ""));
    for expected in [
        "emergency register of the ledger git.example.com/ledger\n",
        "  records     26, from 0 (2026-01-05 00:00:00 UTC) to 25 (2026-11-20 03:12:00 UTC)\n",
        "  witness     none\n",
        "\nemergencies: 6\n",
        "\nrecord 3: reviewed\n",
        "  pusher      dave, known by a push certificate that they signed, the server's account dave@sso\n",
        "  ticket      INC-1041\n  reason      certificate of the gateway has expired, no customer can log in\n",
        "  waived      paths, review of rule `main` (/etc/countersign/policy.toml)\n",
        "  review      reviewed; due 2026-02-17 03:12:00 UTC\n",
        "  reviewed by bob at 2026-02-15 00:12:00 UTC: record 5\n",
        "  reverted    the ref had its old value again at 2026-02-16 06:12:00 UTC: record 7 (decision)\n",
        "  reviewed by alice, whose approval stood already\n",
        "  outcome     git did not do it\n",
        "  proof       countersign ledger prove 25\n",
        "\nrefused attempts: 3\n",
        "    pusher unknown: the account `tmp` is nobody's, the server's account tmp\n    the ticket `please` is no ticket\n",
        "\nrefs that moved without a decision: 1\n",
        "(record 1) to 2026-02-01 03:12:00 UTC (record 2): rule `releases` of /etc/countersign/policy.toml: off\n",
        "    weaker: rule `main`: updates.force-push: `nobody` becomes `anyone`\n",
    ] {
        assert!(out.contains(expected), "{expected}\n{out}");
    }
    assert!(!out.contains('\u{202e}') && out.contains("\\u{202e}txt.exe\n"), "{out}");
}

/// As RFC 4180 has it.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    for character in line.chars() {
        match character {
            '"' => {
                // One within is doubled: it ends the quotation and begins it again.
                if !quoted && !cells.last().unwrap().is_empty() {
                    cells.last_mut().unwrap().push('"');
                }
                quoted = !quoted;
            }
            ',' if !quoted => cells.push(String::new()),
            other => cells.last_mut().unwrap().push(other),
        }
    }
    assert!(!quoted, "{line}");
    cells
}

#[test]
fn a_spreadsheet_takes_no_cell_for_a_formula() {
    let ground = Ground::new();
    let (status, out, error) = ground.ask(&["emergencies", "--format", "csv"]);
    assert_eq!((status, &*error), (0, ""));
    let rows: Vec<_> = out.strip_suffix("\r\n").unwrap().split("\r\n").map(cells).collect();
    assert_eq!(rows.len(), 1 + 6);
    for row in &rows {
        assert_eq!(row.len(), 32, "{row:?}");
        assert!(row.iter().all(|cell| !cell.trim_start().starts_with(['=', '+', '-', '@'])), "{row:?}");
        assert!(row.iter().all(|cell| !cell.chars().any(char::is_control)), "{row:?}");
    }
    let column = |head: &str| rows[0].iter().position(|cell| cell == head).unwrap();
    let of = |head| rows[1..].iter().map(|row| row[column(head)].as_str()).collect::<Vec<_>>();
    assert_eq!(of("record"), ["3", "9", "15", "18", "22", "25"]);
    assert_eq!(of("ticket")[3], "'=cmd|' /C calc'!A0");
    assert_eq!(of("reason")[2], HOSTILE.replace('\u{202e}', "\\u{202e}"));
    assert_eq!(of("reviewed by"), ["bob", "alice", "", "bob", "", ""]);
    assert_eq!(of("reviewed at")[0], "2026-02-15T00:12:00Z");
    assert_eq!(of("known by"), ["certificate", "sshd", "server", "certificate", "sshd", "certificate"]);
}

#[test]
fn the_page_holds_nothing_that_others_made_markup() {
    let ground = Ground::new();
    let file = ground.temporary.path().join("register.html");
    let (status, out, error) = ground.ask(&["emergencies", "--format", "html", "--output", file.to_str().unwrap()]);
    assert_eq!((status, &*out, &*error), (0, "", ""));
    let page = fs::read_to_string(&file).unwrap();
    for never in ["<script", "<img", "<b>", "\u{202e}", "http:", "https:", "javascript:", "url(", "@import"] {
        let found = page.replace("https://evil.example", "").find(never);
        assert_eq!(found, None, "{never}");
    }
    for expected in [
        "<html lang=\"en\">",
        "content=\"default-src 'none'; style-src 'unsafe-inline'\"",
        "prefers-color-scheme: dark",
        "@media print",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "\\u{202e}txt.exe",
        "<article class=\"card late\" id=\"record-15\"",
        "<span class=\"badge late\">review overdue</span>",
        "c2sp.org/tlog-proof@v1\nindex 15\n",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    // One that begins a line of a cell, or of an attribute, is no different.
    assert_eq!(page.matches("<article").count(), 6);
    // Left for whoever wants to look at it.
    fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("register.html"), page).unwrap();
}

#[test]
fn the_page_is_read_in_a_browser_light_and_dark_and_on_paper() {
    let ground = Ground::new();
    let file = ground.temporary.path().join("register.html");
    assert_eq!(ground.ask(&["emergencies", "--format", "html", "--output", file.to_str().unwrap()]).0, 0);
    for (scheme, page) in [(Scheme::Light, [0xf5, 0xf6, 0xf8]), (Scheme::Dark, [0x0f, 0x13, 0x18])] {
        let rendered = render(&file, scheme, (1100, 900));
        assert_eq!(rendered.requests, [""; 0]);
        assert_eq!(rendered.screen.at(5, 5), page, "{scheme:?}");
        // Nothing was made of what others wrote but text.
        let document = &rendered.document;
        assert!(!document.contains("<script") && !document.contains("<img") && !document.contains("<b>"));
        for (element, count) in [("<article ", 6), ("<svg ", 1), ("<h1>", 1), ("<table>", 5)] {
            assert_eq!(document.matches(element).count(), count, "{element}");
        }
        assert!((3..8).contains(&rendered.sheets()), "{}", rendered.sheets());
    }
}

#[test]
fn who_witnessed_the_ledger_is_told_and_who_saw_another() {
    let ground = Ground::new();
    let note = |ground: &Ground| {
        let (_, note, _) = ground.ask(&["checkpoint"]);
        let witness = SigningKey::from_seed("witness.example/w1", &[7; 32]).unwrap();
        Note::parse(note.as_bytes()).unwrap().and_sign(&witness).unwrap().to_string()
    };
    let witnessed = ground.ledger().join("witnessed");
    fs::create_dir(&witnessed).unwrap();
    fs::write(witnessed.join("1"), note(&ground)).unwrap();
    let register = ground.register(&[]);
    let expected = json!([{"names": ["witness.example/w1"], "size": 26, "differs": null}]);
    assert_eq!(register["coverage"]["witnesses"], expected);
    assert!(!register["coverage"]["limits"].to_string().contains("held elsewhere"));
    // One of another ledger of the same name.
    fs::write(witnessed.join("1"), note(&Ground::new())).unwrap();
    let (_, out, _) = ground.ask(&["emergencies"]);
    assert!(
        out.contains("  witness     witness.example/w1: DIFFERS: it is no checkpoint that this ledger's key"),
        "{out}"
    );
    fs::write(witnessed.join("1"), "none").unwrap();
    let (status, _, error) = ground.ask(&["emergencies"]);
    assert_eq!(status, 3);
    assert!(error.contains("it is no checkpoint"), "{error}");
}

#[test]
fn a_later_commit_that_says_so_reverts_it() {
    let world = World::new();
    let first = objects::unsigned(&world, &[], "1");
    let emergency = objects::unsigned(&world, &[&first], "2");
    let other = objects::unsigned(&world, &[&emergency], &format!("3\n\nThis reverts commit {first}."));
    let message = format!("Revert \"2\"\n\nThis reverts commit {emergency}.");
    let revert = objects::unsigned(&world, &[&other], &message);
    world.git(&["update-ref", "refs/heads/main", &revert]);
    world.push_without_hook(&["main"]);
    let id = |id: &str| ObjectId::from_hex(id.as_bytes()).unwrap();
    let (folder, place) = (world.path("year"), world.server().canonicalize().unwrap());
    drop(Year::of_one(&folder, &place, id(&first), id(&emergency)));
    let (_, out, _) = ask(&folder, &["emergencies", "--format", "json"]);
    let register: Value = serde_json::from_str(&out).unwrap();
    let expected = json!([{"how": "commit", "commit": revert, "reverts": emergency, "time": null}]);
    assert_eq!(register["emergencies"][0]["reverts"], expected);
    assert_eq!(register["coverage"]["unread"], json!([]));
    // Who let it in, and as what, is told of it.
    let mut trace = world.command(env!("CARGO_BIN_EXE_countersign"), &world.server());
    trace.args(["ledger", "trace", &emergency, "--ledger"]).arg(&folder);
    let output = support::run(trace, b"");
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.contains(": something was found, and an emergency waived it\n"), "{out}");
    assert!(out.contains("\n  waived  INC-1:  (declared by dave; review overdue)\n"), "{out}");
    let (_, out, _) = ask(&folder, &["emergencies"]);
    assert!(out.contains(&format!("  reverted    commit {revert} says that it reverts {emergency}\n")), "{out}");
}

#[test]
fn the_record_of_an_emergency_says_what_is_owed_for_it() {
    let ground = Ground::new();
    let (_, out, _) = ground.ask(&["list", "--emergency", "--format", "json"]);
    let listed: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(each(&listed["records"], "number"), [25, 22, 18, 15, 9, 3]);
    let (_, out, _) = ground.ask(&["list", "--emergency", "--ref", "release/1.x"]);
    assert!(out.lines().nth(1).unwrap().ends_with("accepted  erin    main (waived)"), "{out}");
    for (number, expected) in [
        (
            "3",
            "  rule         main (/etc/countersign/policy.toml:4, enforce): something was found, and an emergency waived it\n",
        ),
        ("3", "  emergency    INC-1041: certificate of the gateway has expired, no customer can log in\n"),
        ("3", "  waived       paths, review of rule `main` (/etc/countersign/policy.toml)\n"),
        ("3", "  review       reviewed; due 2026-02-17 03:12:00 UTC\n"),
        ("3", "  reviewed by  bob at 2026-02-15 00:12:00 UTC: record 5\n"),
        ("3", "               gateway/tls/renewal.tf\n"),
        ("5", "  settles      what record 3 owes for rule main: bob approves (sha256:"),
        ("9", "  approved by  alice (SHA256:"),
        ("15", "  review       review overdue; due 2026-06-23 03:12:00 UTC\n"),
        ("22", "  review       not done by git; due"),
    ] {
        let (status, out, error) = ground.ask(&["show", number]);
        assert_eq!((status, &*error), (0, ""));
        assert!(out.contains(expected), "{expected}\n{out}");
    }
    let (_, out, _) = ground.ask(&["show", "18", "--format", "json"]);
    let shown: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(each(&shown["waivers"], "standing"), ["reviewed-late"]);
    assert_eq!(shown["paths"], json!(["dns/zone.db"]));
}
