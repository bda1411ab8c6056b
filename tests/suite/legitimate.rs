//! What people legitimately push, however odd: accepted without a word.

use crate::support::{
    World,
    keys::{self, *},
    objects::{self, Commit, header, signature_header},
    run_well,
};
use std::{fs, path::Path};

/// Accepted as a new `main`; without its signature refused for that alone.
#[track_caller]
fn accepts_signed_only(world: &World, commit: &Commit) {
    let id = commit.signed(world, ALICE_SSH);
    world.refuses(&[&format!("+{}:refs/heads/main", commit.unsigned(world))], &["unsigned"]);
    world.accepts(&[&format!("{id}:refs/heads/main")]);
    world.git_in(&world.server(), &["update-ref", "-d", "refs/heads/main"]);
}

#[test]
fn a_first_push_that_creates_main() {
    let world = World::with_signed_main();
    let one = objects::by_alice(&world, &[], "one");
    world.accepts(&[&format!("{one}:refs/heads/main")]);
    let two = objects::signed(&world, DAVE_OPENPGP, &[&one], "two");
    world.accepts(&[&format!("{two}:refs/heads/main")]);
}

#[test]
fn keys_of_every_kind() {
    let world = World::with_signed_main();
    let mut tip = objects::by_alice(&world, &[], "ed25519 by ssh");
    for key in [BOB_SSH, DAVE_OPENPGP, ERIN_OPENPGP] {
        tip = objects::signed(&world, key, &[&tip], key);
    }
    world.accepts(&[&format!("{tip}:refs/heads/main")]);
}

#[test]
fn merges_octopuses_and_criss_crosses() {
    let world = World::with_signed_main();
    let base = objects::by_alice(&world, &[], "base");
    let (left, right) = (objects::by_alice(&world, &[&base], "left"), objects::by_alice(&world, &[&base], "right"));
    let (one, two) = (
        objects::by_alice(&world, &[&left, &right], "one way"),
        objects::by_alice(&world, &[&right, &left], "the other"),
    );
    let crossed = objects::by_alice(&world, &[&one, &two], "criss-cross");
    world.accepts(&[&format!("{one}:refs/heads/main")]);
    world.accepts(&[&format!("{crossed}:refs/heads/main")]);
    let arms: Vec<String> = (0..16).map(|arm| objects::by_alice(&world, &[&base], &format!("arm {arm}"))).collect();
    let mut parents = vec![&*crossed];
    parents.extend(arms.iter().map(String::as_str));
    world.accepts(&[&format!("{}:refs/heads/main", objects::by_alice(&world, &parents, "octopus"))]);
    let other_root = objects::by_alice(&world, &[], "another root");
    let joined = objects::by_alice(&world, &[&crossed, &other_root], "joined");
    world.accepts(&[&format!("{joined}:refs/heads/joined"), &format!("{other_root}:refs/heads/root")]);
}

#[test]
fn a_merge_of_one_parent_twice() {
    let world = World::with_signed_main();
    let base = objects::by_alice(&world, &[], "base");
    accepts_signed_only(&world, &Commit::new(&world, &[&base, &base], "a merge of one with itself"));
}

#[test]
fn commits_that_change_nothing() {
    let world = World::with_signed_main();
    let mut tip = objects::by_alice(&world, &[], "empty tree");
    for message in ["same tree", "same tree", "again"] {
        tip = objects::by_alice(&world, &[&tip], message);
    }
    world.accepts(&[&format!("{tip}:refs/heads/main")]);
}

#[test]
fn names_and_messages_that_are_not_utf_8() {
    let world = World::with_signed_main();
    let mut commit = Commit::new(&world, &[], "");
    commit.author = b"J\xfcrgen \xdcbel <j\xfcrgen@example.com> 1700000000 +0100".to_vec();
    commit.committer = b"\xff\xfe <\x80> 1700000000 +0100".to_vec();
    commit.message = b"Gr\xfc\xdfe\n\n\xe4\xf6\xfc \xa4\n".to_vec();
    accepts_signed_only(&world, &commit);
    commit.more_headers = b"encoding ISO-8859-1\n".to_vec();
    accepts_signed_only(&world, &commit);
    commit.more_headers = b"encoding no-such-encoding\n".to_vec();
    accepts_signed_only(&world, &commit);
}

#[test]
fn people_with_odd_names() {
    let world = World::with_signed_main();
    for person in ["", " ", "A", "\"Q\" (x) [y]", "a@b", "Jos\u{e9} \u{6f22}\u{5b57}", "Very, Very; Long \\ Name."] {
        let mut commit = Commit::new(&world, &[], "by somebody");
        commit.author = format!("{person} <x@example.com> 1700000000 +0000").into_bytes();
        accepts_signed_only(&world, &commit);
    }
    for email in ["", "no-at", "a b", "\u{e9}@example.com"] {
        let mut commit = Commit::new(&world, &[], "by somebody");
        commit.author = format!("Somebody <{email}> 1700000000 +0000").into_bytes();
        accepts_signed_only(&world, &commit);
    }
}

#[test]
fn messages_of_every_shape() {
    let world = World::with_signed_main();
    for message in [
        &b""[..],
        b"\n",
        b"\n\n\nlate\n",
        b"no final newline",
        b"subject\r\n\r\nbody with CRLF\r\n",
        b"subject\rwith a carriage return",
        b"trailing space \n\t\n",
        b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nparent 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n",
        b"gpgsig looks like a header\n",
        b"-----BEGIN PGP SIGNATURE-----\n\nnot one\n-----END PGP SIGNATURE-----\n",
        b"-----BEGIN SSH SIGNATURE-----\n",
    ] {
        let commit = Commit { message: message.to_vec(), ..Commit::new(&world, &[], "") };
        accepts_signed_only(&world, &commit);
    }
}

#[test]
fn times_and_time_zones() {
    let world = World::with_signed_main();
    // 1970, 2038, 2090, 2106 and beyond.
    for time in ["0 +0000", "1 -0000", "2147483648 +0000", "3786912000 +0000", "4294967296 +0000", "99999999999 +0000"]
    {
        accepts_signed_only(&world, &dated(&world, time));
    }
    for zone in ["+1345", "-1200", "+1400", "+0530", "-0330", "-0000", "+0001", "+2359", "-9999"] {
        accepts_signed_only(&world, &dated(&world, &format!("1700000000 {zone}")));
    }
}

fn dated(world: &World, time: &str) -> Commit {
    let mut commit = Commit::new(world, &[], time);
    commit.author = format!("{} {time}", objects::ALICE).into_bytes();
    commit.committer = commit.author.clone();
    commit
}

#[test]
fn headers_that_git_does_not_know() {
    let world = World::with_signed_main();
    for headers in [
        "HG:extra rebase_source:abc\n",
        "change-id zzzz\n",
        "kilo several\n lines\n \n of it\n",
        "encoding UTF-8\nHG:rename a:b\n",
        "empty \n",
    ] {
        let commit = Commit { more_headers: headers.into(), ..Commit::new(&world, &[], "from another tool") };
        accepts_signed_only(&world, &commit);
    }
}

#[test]
fn a_signature_before_other_headers() {
    let world = World::with_signed_main();
    let commit = Commit { more_headers: b"encoding ISO-8859-1\n".to_vec(), ..Commit::new(&world, &[], "one") };
    let signature = signature_header(&world, &keys::sign(ALICE_SSH, &commit.payload()));
    let first = Commit { more_headers: (signature + "encoding ISO-8859-1\n").into_bytes(), ..commit };
    let id = objects::write(&world, "commit", &first.payload());
    world.accepts(&[&format!("{id}:refs/heads/main")]);
}

#[test]
fn a_merged_tag_kept_in_the_merge() {
    let world = World::with_signed_main();
    let base = objects::by_alice(&world, &[], "base");
    let side = objects::by_alice(&world, &[&base], "side");
    let payload = objects::tag_payload(&side, "commit", "v1");
    let tags: String =
        [keys::sign(BOB_SSH, payload.as_bytes()), keys::sign(MALLORY_OPENPGP, payload.as_bytes()), String::new()]
            .iter()
            .map(|signature| header("mergetag", &format!("{payload}{signature}")))
            .collect();
    let commit = Commit { more_headers: tags.into_bytes(), ..Commit::new(&world, &[&base, &side], "merge") };
    accepts_signed_only(&world, &commit);
}

#[test]
fn a_repository_of_sha_256() {
    let world = World::of_format("sha256");
    world.signed_main();
    let one = objects::by_alice(&world, &[], "one");
    let two = objects::signed(&world, DAVE_OPENPGP, &[&one], "two");
    world.accepts(&[&format!("{two}:refs/heads/main")]);
    world.refuses(&[&format!("{}:refs/heads/main", objects::unsigned(&world, &[&two], "bad"))], &["unsigned"]);
    world.git(&["checkout", "-q", "-b", "work", &two]);
    world.git(&["commit", "-q", "--allow-empty", "-S", "-m", "By git itself"]);
    world.accepts(&["work:refs/heads/main"]);
    world.policy_for_tags("tags = { signed = true }");
    world.git(&["tag", "-s", "-m", "Release", "v1"]);
    world.git(&["tag", "-a", "-m", "Release", "v2"]);
    world.refuses(&["v2"], &["unsigned"]);
    world.accepts(&["v1"]);
}

#[test]
fn loose_objects_and_packs_in_the_quarantine() {
    for limit in ["1", "1000"] {
        let world = World::with_signed_main();
        world.git_in(&world.server(), &["config", "receive.unpackLimit", limit]);
        let mut tip = objects::by_alice(&world, &[], "root");
        for number in 0..10 {
            tip = objects::by_alice(&world, &[&tip], &format!("commit {number}"));
        }
        let bad = objects::unsigned(&world, &[&tip], "bad");
        world.refuses(&[&format!("{}:refs/heads/main", objects::by_alice(&world, &[&bad], "on top"))], &["unsigned"]);
        world.accepts(&[&format!("{tip}:refs/heads/main")]);
        // What is there already is packed, too.
        world.git_in(&world.server(), &["repack", "-q", "-a", "-d"]);
        world.git_in(&world.server(), &["pack-refs", "--all"]);
        world.accepts(&[&format!("{}:refs/heads/main", objects::by_alice(&world, &[&tip], "next"))]);
    }
}

#[test]
fn a_fork_of_a_fork_by_relative_alternates() {
    let world = World::with_signed_main();
    let base = objects::by_alice(&world, &[], "base");
    let middle = objects::by_alice(&world, &[&base], "middle");
    let bad = objects::unsigned(&world, &[&middle], "bad");
    for (pool, from) in [("deep/pool.git", &base), ("pool.git", &middle)] {
        let pool = world.path(pool);
        let folder = world.path("home");
        world.git_in(&folder, &["init", "-q", "--bare", "--template=", pool.to_str().unwrap()]);
        world.git(&["push", "-q", pool.to_str().unwrap(), &format!("{from}:refs/heads/main")]);
    }
    world.git(&["push", "-q", world.path("pool.git").to_str().unwrap(), &format!("{bad}:refs/heads/bad")]);
    let link = |repository: &Path, to: &str| {
        fs::create_dir_all(repository.join("objects/info")).unwrap();
        fs::write(repository.join("objects/info/alternates"), format!("# forks\n{to}\n")).unwrap();
    };
    link(&world.path("pool.git"), "../../deep/pool.git/objects");
    link(&world.server(), "../../pool.git/objects");
    world.git_in(&world.path("pool.git"), &["repack", "-q", "-a", "-d", "-l"]);
    world.refuses(&[&format!("{}:refs/heads/main", objects::by_alice(&world, &[&bad], "on bad"))], &["unsigned"]);
    world.accepts(&[&format!("{}:refs/heads/main", objects::by_alice(&world, &[&middle], "on middle"))]);
}

#[test]
fn a_repository_of_two_thousand_refs() {
    let world = World::with_signed_main();
    let base = objects::by_alice(&world, &[], "base");
    world.accepts(&[&format!("{base}:refs/heads/main")]);
    for number in 0..2000 {
        let path = world.server().join(format!("refs/heads/topic/{number}/x"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{base}\n")).unwrap();
    }
    let next = objects::by_alice(&world, &[&base], "next");
    world.accepts(&[&format!("{next}:refs/heads/main")]);
    world.git_in(&world.server(), &["pack-refs", "--all"]);
    let bad = objects::unsigned(&world, &[&next], "bad");
    world.refuses(&[&format!("{bad}:refs/heads/main")], &["unsigned"]);
    world.accepts(&[&format!("{}:refs/heads/main", objects::by_alice(&world, &[&next], "after that"))]);
}

#[test]
fn several_refs_at_once() {
    let world = World::with_signed_main();
    let base = objects::by_alice(&world, &[], "base");
    let next = objects::by_alice(&world, &[&base], "next");
    let unsigned = objects::unsigned(&world, &[&base], "unprotected");
    world.accepts(&[
        &format!("{next}:refs/heads/main"),
        &format!("{unsigned}:refs/heads/dev"),
        &format!("{unsigned}:refs/tags/light"),
        &format!("{}:refs/tags/v1", objects::unsigned_tag(&world, &unsigned, "commit", "v1")),
        &format!("{}:refs/notes/commits", objects::unsigned(&world, &[], "notes")),
        &format!("{}:refs/meta/blob", objects::write(&world, "blob", b"text")),
    ]);
    world.accepts(&[
        &format!("{}:refs/heads/main", objects::by_alice(&world, &[&next], "more")),
        ":refs/heads/dev",
        ":refs/tags/light",
    ]);
}

#[test]
fn a_push_that_brings_no_new_object() {
    let world = World::with_signed_main();
    let base = objects::by_alice(&world, &[], "base");
    world.accepts(&[&format!("{base}:refs/heads/dev")]);
    world.accepts(&[&format!("{base}:refs/heads/main")]);
    world.accepts(&[":refs/heads/dev"]);
}

#[test]
fn a_message_of_sixteen_megabytes() {
    let world = World::with_signed_main();
    let mut commit = Commit::new(&world, &[], "long");
    commit.message = b"All work and no play makes a long message.\n".repeat((16 << 20) / 43);
    let id = commit.signed(&world, ALICE_SSH);
    world.accepts(&[&format!("{id}:refs/heads/main")]);
    let bad = Commit { parents: vec![id], ..commit }.unsigned(&world);
    world.refuses(&[&format!("{bad}:refs/heads/main")], &["unsigned"]);
}

#[test]
fn branches_with_odd_names() {
    let world = World::new();
    world.policy(
        "version = 1\nunmatched-refs = \"refuse\"\n[[rule]]\nname = \"all\"\nrefs = [\"refs/heads/**\"]\n\
         signatures = { commits = \"all\" }\n",
    );
    let (good, bad) = (objects::by_alice(&world, &[], "good"), objects::unsigned(&world, &[], "bad"));
    let names = [
        &b"feature/\xc3\xbc\xe6\xbc\xa2"[..],
        b"latin-\xe9",
        b"-x",
        b"--force",
        b"a@b",
        b"@",
        b"{y}",
        b"it's",
        b"\"q\"",
        b"$(id)",
        b"`id`",
        b"a;b",
        b"a|b&c",
        b"#1",
        b"!x",
        b"%41",
        b"a,b",
        b"<x>",
        b"a+b=c",
        b"x/y/z/HEAD",
        b"refs/heads/x",
        b"\xff\xfe",
    ];
    for (id, accepted) in [(&bad, false), (&good, true)] {
        let lines: Vec<u8> = names
            .iter()
            .flat_map(|name| [b"update refs/heads/odd/", *name, b"\0", id.as_bytes(), b"\0\0"].concat())
            .collect();
        let mut command = world.command("git", &world.clone_path());
        command.args(["update-ref", "-z", "--stdin"]);
        run_well(command, &lines);
        let refspec = ["refs/heads/odd/*:refs/heads/*"];
        let pushed = if accepted { world.accepts(&refspec) } else { world.refuses(&refspec, &["unsigned"]) };
        assert_eq!(pushed.after.len(), if accepted { names.len() } else { 0 });
    }
}

#[test]
fn gits_own_commits_and_tags() {
    for key in [ALICE_SSH, BOB_SSH, DAVE_OPENPGP, ERIN_OPENPGP] {
        let world = World::with_signed_main();
        world.work_as(key);
        world.git(&["commit", "-q", "--allow-empty", "-S", "-m", "Root"]);
        world.git(&["commit", "-q", "--allow-empty", "-S", "--allow-empty-message", "-m", ""]);
        world.git(&["commit", "-q", "--allow-empty", "-S", "-m", "Amended"]);
        world.git(&["commit", "-q", "--amend", "--allow-empty", "-S", "-m", "Amended indeed"]);
        world.accepts(&["HEAD:refs/heads/main"]);
        world.git(&["config", "commit.gpgsign", "true"]);
        world.git(&["-c", "i18n.commitEncoding=ISO-8859-1", "commit", "-q", "--allow-empty", "-m", "Latin"]);
        world.git(&["checkout", "-q", "-b", "side", "HEAD~2"]);
        world.git(&["commit", "-q", "--allow-empty", "-m", "Side"]);
        world.git(&["checkout", "-q", "main"]);
        world.git(&["merge", "-q", "-m", "Merge", "side"]);
        fs::write(world.clone_path().join("file"), key).unwrap();
        world.git(&["add", "file"]);
        world.git(&["commit", "-q", "-m", "A file"]);
        world.git(&["revert", "--no-edit", "HEAD"]);
        world.git(&["cherry-pick", "--allow-empty", "side"]);
        world.accepts(&["HEAD:refs/heads/main"]);
        world.policy_for_tags("tags = { signed = true }");
        world.git(&["tag", "-s", "-m", "Release", "v1"]);
        world.git(&["tag", "-s", "-m", "Another\n\nwith a body", "release/v2"]);
        world.accepts(&["v1", "release/v2"]);
    }
}

#[test]
fn gits_own_merge_of_a_signed_tag() {
    let world = World::with_signed_main();
    world.git(&["commit", "-q", "--allow-empty", "-S", "-m", "Root"]);
    world.git(&["checkout", "-q", "-b", "side"]);
    world.work_as(DAVE_OPENPGP);
    world.git(&["commit", "-q", "--allow-empty", "-S", "-m", "Side"]);
    world.git(&["tag", "-s", "-m", "For you to merge", "for-alice"]);
    world.work_as(ALICE_SSH);
    world.git(&["checkout", "-q", "main"]);
    world.git(&["merge", "-q", "-S", "--no-ff", "-m", "Merge tag 'for-alice'", "for-alice"]);
    assert!(world.git(&["cat-file", "commit", "HEAD"]).contains("mergetag object "));
    world.accepts(&["HEAD:refs/heads/main"]);
    world.git(&["checkout", "-q", "side"]);
    world.git(&["checkout", "-q", "-b", "again", "main~1"]);
    world.git(&["merge", "-q", "--no-ff", "-m", "Merge tag 'for-alice'", "for-alice"]);
    world.refuses(&["+HEAD:refs/heads/main"], &["force-push", "unsigned"]);
}

#[test]
fn a_clone_that_is_only_partial() {
    let world = World::with_signed_main();
    let base = objects::by_alice(&world, &[], "base");
    world.accepts(&[&format!("{base}:refs/heads/main")]);
    world.git_in(&world.server(), &["config", "uploadpack.allowFilter", "true"]);
    let partial = world.path("partial");
    let url = format!("file://{}", world.server().display());
    world.git_in(&world.path("home"), &["clone", "-q", "--filter=tree:0", &url, partial.to_str().unwrap()]);
    let next = objects::by_alice(&world, &[&base], "next");
    world.git_in(&partial, &["fetch", "-q", world.clone_path().to_str().unwrap(), &next]);
    world.push_from(&partial, &[], &[&format!("{next}:refs/heads/main")]).expect_accepted();
}

#[test]
fn an_atomic_push_and_push_options() {
    let world = World::with_signed_main();
    world.git_in(&world.server(), &["config", "receive.advertisePushOptions", "true"]);
    let good = objects::by_alice(&world, &[], "good");
    let refspecs = [&*format!("{good}:refs/heads/main"), &format!("{good}:refs/heads/dev")];
    world.push_with(&["--atomic", "--push-option=ci.skip", "--push-option=\u{1b}[2J"], &refspecs).expect_accepted();
    let bad = objects::unsigned(&world, &[&good], "bad");
    let pushed = world.push_with(&["--push-option=skip-verification"], &[&format!("{bad}:refs/heads/main")]);
    world.was_refused(&pushed, &["unsigned"]);
}

#[test]
fn a_push_to_a_repository_with_a_work_tree_and_to_a_linked_one() {
    let world = World::with_signed_main();
    let (deployed, linked) = (world.path("deployed"), world.path("linked"));
    world.git(&["init", "-q", "-b", "deployed", deployed.to_str().unwrap()]);
    let first = objects::unsigned(&world, &[], "first");
    world.git(&["push", "-q", deployed.to_str().unwrap(), &format!("{first}:refs/heads/first")]);
    world.git_in(&deployed, &["worktree", "add", "-q", linked.to_str().unwrap(), "first"]);
    let hook = deployed.join(".git/hooks/pre-receive");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::copy(world.server().join("hooks/pre-receive"), &hook).unwrap();
    let mut parents: Vec<String> = Vec::new();
    for folder in [&deployed, &linked] {
        let push = |id: &str| {
            let mut command = world.command("git", &world.clone_path());
            command.arg("push").arg(folder).arg(format!("{id}:refs/heads/main"));
            world.pushed_by(command)
        };
        let refused = push(&objects::unsigned(&world, &parents.iter().map(String::as_str).collect::<Vec<_>>(), "bad"));
        assert!(!refused.succeeded && refused.told().contains("not signed"), "{}", refused.output);
        let good = objects::by_alice(&world, &parents.iter().map(String::as_str).collect::<Vec<_>>(), "good");
        push(&good).expect_accepted();
        parents = vec![good];
    }
}

#[test]
fn malformed_history_below_a_baseline() {
    let world = World::with_signed_main();
    let mut odd = Commit::new(&world, &[], "Made by a tool of 2005");
    odd.author = b"Alice 1700000000".to_vec();
    let odd = odd.unsigned(&world);
    let new = objects::by_alice(&world, &[&odd], "From now on");
    let main = format!("{new}:refs/heads/main");
    world.refuses(&[&main], &["malformed-object"]);
    world.policy_for_main(&format!("baseline = [\"{odd}\"]\nsignatures = {{ commits = \"all\" }}"));
    world.accepts(&[&main]);
}
