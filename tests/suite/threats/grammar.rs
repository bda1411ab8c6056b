//! Object parsing: bytes that git reads one way and a reader of ours might read another.

use crate::support::{
    World,
    keys::{self, *},
    objects::{self, Commit, header, signature_header},
};

/// A signed base on `main`, and a commit on top of it. All branches are covered.
fn world() -> (World, String, Commit) {
    let world = World::new();
    policy(&world, "");
    let base = objects::signed(&world, ALICE_SSH, &[], "base");
    world.accepts(&[&format!("{base}:refs/heads/main")]);
    let commit = Commit::new(&world, &[&base], "change");
    (world, base, commit)
}

fn policy(world: &World, mode: &str) {
    world.policy(&format!(
        "version = 1\nunmatched-refs = \"refuse\"\n[[rule]]\nname = \"all\"\nrefs = [\"refs/heads/**\"]\n{mode}\n\
         signatures = {{ commits = \"all\" }}\n"
    ));
}

/// As a new branch: some of these have no parents that git sees, and would be no fast-forward. Says why in these words.
#[track_caller]
fn refuses(world: &World, bytes: &[u8], reason: &str, words: &str) {
    let id = objects::write(world, "commit", bytes);
    let told = world.refuses(&[&format!("{id}:refs/heads/hostile")], &[reason]).told();
    assert!(told.contains(words), "`{words}` is missing:\n{told}");
}

#[track_caller]
fn accepts(world: &World, bytes: &[u8]) {
    let id = objects::write(world, "commit", bytes);
    world.accepts(&[&format!("{id}:refs/heads/main")]);
}

fn signature(world: &World, commit: &Commit) -> String {
    signature_header(world, &keys::sign(ALICE_SSH, &commit.payload()))
}

/// The same bytes with one piece replaced, which must be there once.
#[track_caller]
fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let at: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(from.as_bytes())).collect();
    assert_eq!(at.len(), 1, "{from}");
    [&bytes[..at[0]], to.as_bytes(), &bytes[at[0] + from.len()..]].concat()
}

#[test]
fn the_signature_moved_before_the_parents_which_git_then_does_not_see() {
    let (world, base, commit) = world();
    let other = objects::signed(&world, ALICE_SSH, &[&base], "other");
    let bad = objects::unsigned(&world, &[&other], "bad");
    let commit = Commit { parents: vec![base.clone(), bad], ..commit };
    let signature = signature(&world, &commit);
    let moved = replaced(&commit.payload(), &format!("parent {base}\n"), &format!("{signature}parent {base}\n"));
    let id = objects::write(&world, "commit", &moved);
    assert_eq!(world.git(&["rev-list", "--parents", "-1", &id]), id, "git sees no parents");
    refuses(&world, &moved, "malformed-object", "it has a `gpgsig` header before `author`");
    let between = replaced(&commit.payload(), &format!("parent {base}\n"), &format!("parent {base}\n{signature}"));
    refuses(&world, &between, "malformed-object", "it has a `gpgsig` header before `author`");
    let twin = Commit { parents: vec![base, other], ..commit };
    accepts(&world, &twin.with(&signature_header(&world, &keys::sign(ALICE_SSH, &twin.payload()))));
}

#[test]
fn the_signature_moved_before_the_author() {
    let (world, _, commit) = world();
    let signature = signature(&world, &commit);
    let moved = replaced(&commit.payload(), "author ", &format!("{signature}author "));
    refuses(&world, &moved, "malformed-object", "it has a `gpgsig` header before `author`");
    accepts(&world, &commit.with(&signature));
}

const MORE_THAN_ONCE: &str = "signed more than once, which is ambiguous";

#[test]
fn two_signatures() {
    let (world, _, commit) = world();
    let (ours, armor) = (signature(&world, &commit), keys::sign(DAVE_OPENPGP, &commit.payload()));
    let theirs = signature_header(&world, &armor);
    refuses(&world, &commit.with(&format!("{ours}{theirs}")), "ambiguous", MORE_THAN_ONCE);
    refuses(&world, &commit.with(&format!("{ours}{ours}")), "ambiguous", MORE_THAN_ONCE);
    let other_format = header("gpgsig-sha256", &armor);
    refuses(&world, &commit.with(&format!("{ours}{other_format}")), "ambiguous", MORE_THAN_ONCE);
    accepts(&world, &commit.with(&theirs));
}

#[test]
fn a_second_signature_by_a_stranger() {
    let (world, _, commit) = world();
    let stranger = signature_header(&world, &keys::sign(MALLORY_SSH, &commit.payload()));
    refuses(&world, &commit.with(&format!("{}{stranger}", signature(&world, &commit))), "ambiguous", MORE_THAN_ONCE);
    refuses(&world, &commit.with(&format!("{stranger}{}", signature(&world, &commit))), "ambiguous", MORE_THAN_ONCE);
    accepts(&world, &commit.with(&signature(&world, &commit)));
}

#[test]
fn two_armors_in_one_signature() {
    let (world, _, commit) = world();
    let ours = keys::sign(ALICE_SSH, &commit.payload());
    for other in [keys::sign(MALLORY_SSH, &commit.payload()), keys::sign(DAVE_OPENPGP, &commit.payload())] {
        for both in [format!("{ours}{other}"), format!("{other}{ours}")] {
            refuses(&world, &commit.with(&signature_header(&world, &both)), "ambiguous", MORE_THAN_ONCE);
        }
    }
    accepts(&world, &commit.with(&signature_header(&world, &ours)));
}

#[test]
fn a_header_that_git_takes_out_of_what_is_signed() {
    let (world, _, commit) = world();
    let signature = signature(&world, &commit);
    for name in ["gpgsig-evil", "gpgsigx", "gpgsig-sha512"] {
        let unsigned_space = header(name, "whatever one likes");
        let why = "it has a header that begins with `gpgsig` and is neither `gpgsig` nor `gpgsig-sha256`";
        refuses(&world, &commit.with(&format!("{signature}{unsigned_space}")), "malformed-object", why);
        refuses(&world, &commit.with(&format!("{unsigned_space}{signature}")), "malformed-object", why);
    }
    // A header that is signed, whatever it is called, is the signer's business.
    let twin = Commit { more_headers: b"x-gpgsig whatever\n".to_vec(), ..commit };
    accepts(&world, &twin.with(&signature_header(&world, &keys::sign(ALICE_SSH, &twin.payload()))));
}

#[test]
fn headers_that_are_there_twice() {
    let (world, base, commit) = world();
    let tree = format!("tree {}\n", commit.tree);
    let person = "Alice Example <alice@example.com> 1700000000 +0000\n";
    let whole = commit.payload();
    let committed = format!("committer {person}");
    for (from, to, why) in [
        (&tree, format!("{tree}{tree}"), "it has two `tree` headers"),
        (&format!("author {person}"), format!("author {person}author {person}"), "it has two `author` headers"),
        (&committed, format!("{committed}{committed}"), "it has two `committer` headers"),
        (&committed, format!("{committed}{tree}"), "it has two `tree` headers"),
        (&committed, format!("{committed}parent {base}\n"), "it has a `parent` header after `committer`"),
        (&committed, format!("{committed}author {person}"), "it has two `author` headers"),
        (&committed, format!("{committed}encoding a\nencoding b\n"), "it has two `encoding` headers"),
    ] {
        let payload = replaced(&whole, from, &to);
        let signature = signature_header(&world, &keys::sign(ALICE_SSH, &payload));
        let end = payload.windows(2).position(|two| two == b"\n\n").unwrap() + 1;
        refuses(&world, &[&payload[..end], signature.as_bytes(), &payload[end..]].concat(), "malformed-object", why);
    }
    accepts(&world, &commit.with(&signature(&world, &commit)));
}

#[test]
fn headers_out_of_order_or_missing() {
    let (world, base, commit) = world();
    let signature = signature(&world, &commit);
    let whole = commit.with(&signature);
    let (author, committer) =
        ([b"author ", &*commit.author, b"\n"].concat(), [b"committer ", &*commit.committer, b"\n"].concat());
    let (author, committer) = (String::from_utf8(author).unwrap(), String::from_utf8(committer).unwrap());
    let parent = format!("parent {base}\n");
    for (from, to, why) in [
        (author.clone(), String::new(), "it has no `author` header"),
        (committer.clone(), String::new(), "it has no `committer` header"),
        (format!("{author}{committer}"), format!("{committer}{author}"), "it has a `committer` header before `author`"),
        (format!("{parent}{author}"), format!("{author}{parent}"), "it has a `parent` header before `committer`"),
    ] {
        refuses(&world, &replaced(&whole, &from, &to), "malformed-object", why);
    }
    accepts(&world, &whole);
}

const DOES_NOT_MATCH: &str = "signed, and the signature does not match the content";

#[test]
fn a_header_added_after_signing() {
    let (world, _, commit) = world();
    let signature = signature(&world, &commit);
    refuses(&world, &commit.with(&format!("encoding latin1\n{signature}")), "bad", DOES_NOT_MATCH);
    refuses(&world, &commit.with(&format!("{signature}x-note trust me\n")), "bad", DOES_NOT_MATCH);
    accepts(&world, &commit.with(&signature));
}

#[test]
fn what_was_signed_is_not_what_is_pushed() {
    let (world, base, commit) = world();
    let signature = signature(&world, &commit);
    let other = objects::signed(&world, ALICE_SSH, &[], "another base");
    let tree = objects::write(&world, "tree", b"");
    assert_eq!(tree, commit.tree);
    let blob = world.git(&["hash-object", "-w", "--stdin"]);
    let filled = {
        let mut command = world.command("git", &world.clone_path());
        command.arg("mktree");
        crate::support::run_well(command, format!("100644 blob {blob}\tfile\n").as_bytes())
    };
    for changed in [
        Commit { message: b"another message\n".to_vec(), ..commit.clone() },
        Commit { parents: vec![base.clone(), other], ..commit.clone() },
        Commit { tree: filled, ..commit.clone() },
        commit.clone().by(objects::BOB),
        Commit { message: b"change".to_vec(), ..commit.clone() },
    ] {
        refuses(&world, &changed.with(&signature), "bad", DOES_NOT_MATCH);
    }
    accepts(&world, &commit.with(&signature));
}

#[test]
fn nul_in_the_headers_or_the_message() {
    let (world, _, commit) = world();
    // Git shows what comes before it.
    let mut cut = commit.clone();
    cut.message = b"Harmless\n\0and what nobody reads\n".to_vec();
    let signature = signature_header(&world, &keys::sign(ALICE_SSH, &cut.payload()));
    refuses(&world, &cut.with(&signature), "malformed-object", "it has a NUL byte");
    let mut hidden = commit.clone();
    hidden.author = b"Alice\0Mallory <alice@example.com> 1700000000 +0000".to_vec();
    let signature = signature_header(&world, &keys::sign(ALICE_SSH, &hidden.payload()));
    refuses(&world, &hidden.with(&signature), "malformed-object", "it has a NUL byte");
    let signature = signature_header(&world, &keys::sign(ALICE_SSH, &commit.payload()));
    accepts(&world, &commit.with(&signature));
}

#[test]
fn no_blank_line_after_the_headers() {
    let (world, _, commit) = world();
    let bare = commit.headers();
    let signature = signature_header(&world, &keys::sign(ALICE_SSH, &bare));
    let whole = [bare, signature.into_bytes()].concat();
    refuses(&world, &whole, "malformed-object", "it has no blank line after its headers");
    let twin = Commit { message: Vec::new(), ..commit };
    accepts(&world, &twin.with(&signature_header(&world, &keys::sign(ALICE_SSH, &twin.payload()))));
}

#[test]
fn headers_that_end_in_crlf() {
    let (world, _, commit) = world();
    let mut crlf = commit.clone();
    crlf.author.push(b'\r');
    crlf.committer.push(b'\r');
    let signature = signature_header(&world, &keys::sign(ALICE_SSH, &crlf.payload()));
    refuses(&world, &crlf.with(&signature), "malformed-object", "it has a header line that ends in a carriage return");
    accepts(&world, &commit.with(&signature_header(&world, &keys::sign(ALICE_SSH, &commit.payload()))));
}

#[test]
fn a_signature_in_the_message() {
    let (world, _, commit) = world();
    let signature = signature(&world, &commit);
    let armor = keys::sign(ALICE_SSH, &commit.payload());
    // After the message, as in a tag; as a header, but behind the blank line.
    refuses(&world, &[commit.payload(), armor.into_bytes()].concat(), "unsigned", "is not signed");
    let behind = [&*commit.headers(), b"\n", signature.as_bytes(), b"\n", &commit.message].concat();
    refuses(&world, &behind, "unsigned", "is not signed");
    accepts(&world, &commit.with(&signature));
}

#[test]
fn a_signature_inside_a_merged_tag() {
    let (world, base, commit) = world();
    let side = objects::signed(&world, ALICE_SSH, &[&base], "side");
    let payload = objects::tag_payload(&side, "commit", "v1");
    let tag = header("mergetag", &format!("{payload}{}", keys::sign(ALICE_SSH, payload.as_bytes())));
    let hidden =
        tag.trim_end().to_owned() + "\n gpgsig " + &keys::sign(ALICE_SSH, &commit.payload()).replace('\n', "\n ");
    let merge = Commit { parents: vec![base, side], more_headers: tag.into_bytes(), ..commit };
    refuses(&world, &merge.payload(), "unsigned", "is not signed");
    let lying = Commit { more_headers: (hidden.trim_end().to_owned() + "\n").into_bytes(), ..merge.clone() };
    refuses(&world, &lying.payload(), "unsigned", "is not signed");
    accepts(&world, &merge.with(&signature(&world, &merge)));
}

#[test]
fn an_empty_or_a_senseless_signature() {
    let (world, _, commit) = world();
    refuses(&world, &commit.with("gpgsig \n"), "malformed", "is in no known armor");
    refuses(&world, &commit.with("gpgsig good, trust me\n"), "malformed", "is in no known armor");
    let armor = keys::sign(ALICE_SSH, &commit.payload());
    let cut = armor.replace("-----END SSH SIGNATURE-----\n", "");
    refuses(&world, &commit.with(&signature_header(&world, &cut)), "malformed", "its armor has no last line");
    accepts(&world, &commit.with(&signature_header(&world, &armor)));
}

#[test]
fn text_beside_the_signature_in_its_header() {
    let (world, _, commit) = world();
    let armor = keys::sign(ALICE_SSH, &commit.payload());
    let with = |armor: String| commit.with(&signature_header(&world, &armor));
    let text = "Reviewed-by: everybody\n";
    refuses(&world, &with(format!("{armor}{text}")), "malformed", "something follows its armor");
    refuses(&world, &with(format!("{text}{armor}")), "malformed", "is in no known armor");
    accepts(&world, &commit.with(&signature_header(&world, &armor)));
}

#[test]
fn a_signature_made_for_something_else() {
    let (world, _, commit) = world();
    let file = keys::sign_in_namespace(ALICE_SSH, "file", &commit.payload());
    let why = "is made for the namespace `file`, not `git`";
    refuses(&world, &commit.with(&signature_header(&world, &file)), "malformed", why);
    accepts(&world, &commit.with(&signature(&world, &commit)));
}

#[test]
fn the_signature_slot_of_the_other_object_format() {
    for (format, slot) in [("sha1", "gpgsig-sha256"), ("sha256", "gpgsig")] {
        let world = World::of_format(format);
        policy(&world, "");
        let commit = Commit::new(&world, &[], "change");
        let armor = keys::sign(ALICE_SSH, &commit.payload());
        refuses(&world, &commit.with(&header(slot, &armor)), "unsigned", "is not signed");
        accepts(&world, &commit.with(&signature_header(&world, &armor)));
    }
}

#[test]
fn a_signature_of_eight_megabytes() {
    let (world, _, commit) = world();
    for begin in ["SSH SIGNATURE", "PGP SIGNATURE", "SIGNED MESSAGE"] {
        let endless = format!("-----BEGIN {begin}-----\n{}", "A".repeat(8 << 20));
        let endless = commit.with(&header("gpgsig", &endless));
        refuses(&world, &endless, "malformed", "is larger than 64 KiB");
    }
    refuses(&world, &commit.with(&header("gpgsig", &"A".repeat(8 << 20))), "malformed", "is in no known armor");
    accepts(&world, &commit.with(&signature(&world, &commit)));
}

#[test]
fn a_thousand_headers() {
    let (world, _, commit) = world();
    let many: String = (0..1000).map(|number| format!("x-{number} y\n")).collect();
    let crowded = Commit { more_headers: many.into_bytes(), ..commit.clone() };
    let signature = signature_header(&world, &keys::sign(ALICE_SSH, &crowded.payload()));
    refuses(&world, &crowded.with(&signature), "malformed-object", "it has more than 512 headers");
    let signed_often = commit.with(&header("gpgsig", "x").repeat(1000));
    refuses(&world, &signed_often, "malformed-object", "it has more than 512 headers");
    let some: String = (0..10).map(|number| format!("x-{number} y\n")).collect();
    let twin = Commit { more_headers: some.into_bytes(), ..commit };
    accepts(&world, &twin.with(&signature_header(&world, &keys::sign(ALICE_SSH, &twin.payload()))));
}

#[test]
fn mode_warn_does_not_soften_what_is_malformed_or_ambiguous() {
    let (world, _, commit) = world();
    policy(&world, "mode = \"warn\"");
    let signature = signature(&world, &commit);
    let moved = replaced(&commit.payload(), "author ", &format!("{signature}author "));
    refuses(&world, &moved, "malformed-object", "it has a `gpgsig` header before `author`");
    refuses(&world, &commit.with(&format!("{signature}{signature}")), "ambiguous", MORE_THAN_ONCE);
    let id = objects::write(&world, "commit", &commit.payload());
    let pushed = world.push(&[&format!("{id}:refs/heads/main")]);
    assert!(pushed.succeeded && pushed.told().contains("warning:"), "{}", pushed.output);
}
