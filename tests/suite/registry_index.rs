//! A registry of many OpenPGP certificates, of which a hook reads what changed and what it needs.

use crate::support::{
    World,
    keys::{self, DAVE_OPENPGP, ERIN_OPENPGP},
    objects, set_mode,
};
use countersign::{registry::Registry, trusted::TrustedFiles};
use jiff::tz::TimeZone;
use std::{fs, path::PathBuf, thread::sleep, time::Duration};

/// More than one.
const FILES: usize = 20;

/// Dave's certificate in one file, Erin's in all others.
fn many() -> World {
    let world = World::with_signed_main();
    let (dave, erin) = (keys::public_openpgp(DAVE_OPENPGP), keys::public_openpgp(ERIN_OPENPGP));
    let names: Vec<_> = (1..FILES).map(|number| format!("openpgp/{number}.asc")).collect();
    let mut files = vec![("openpgp/dave.asc", dave.as_str())];
    files.extend(names.iter().map(|name| (name.as_str(), erin.as_str())));
    world.registry(&files);
    world
}

fn index(world: &World) -> Vec<u8> {
    fs::read(index_path(world)).unwrap()
}

fn index_path(world: &World) -> PathBuf {
    let folder = fs::read_dir(world.path("ledger")).unwrap();
    let mut found =
        folder.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|it| it == "index"));
    let index = found.next().expect("an index is kept");
    assert_eq!(found.next(), None);
    index
}

/// Until files that were written are taken for settled.
fn settle() {
    sleep(Duration::from_millis(2_100));
}

#[test]
fn what_an_index_knows_is_judged_as_what_is_read() {
    let world = many();
    let main = |tip: &str| format!("{tip}:refs/heads/main");
    let one = objects::signed(&world, DAVE_OPENPGP, &[], "one");
    settle();
    // The ledger is made by this push, and there is no place for an index before.
    world.accepts(&[&main(&one)]);
    let two = objects::signed(&world, ERIN_OPENPGP, &[&one], "two");
    world.accepts(&[&main(&two)]);
    let kept = index(&world);
    let three = objects::signed(&world, DAVE_OPENPGP, &[&two], "three");
    world.accepts(&[&main(&three)]);
    assert_eq!(index(&world), kept, "all was as it had been");

    let four = objects::signed(&world, DAVE_OPENPGP, &[&three], "four");
    let dave = world.registry_path().join("openpgp/dave.asc");
    let certificate = fs::read(&dave).unwrap();
    fs::write(&dave, keys::public_openpgp(ERIN_OPENPGP)).unwrap();
    world.refuses(&[&main(&four)], &["unknown-key"]);
    assert_ne!(index(&world), kept, "what has changed is read and kept");
    fs::write(&dave, &certificate).unwrap();
    world.accepts(&[&main(&four)]);

    let five = objects::signed(&world, DAVE_OPENPGP, &[&four], "five");
    fs::remove_file(&dave).unwrap();
    world.refuses(&[&main(&five)], &["unknown-key"]);
    let elsewhere = world.path("dave.asc");
    fs::write(&elsewhere, &certificate).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &dave).unwrap();
    world.accepts(&[&main(&five)]);
    let six = objects::signed(&world, DAVE_OPENPGP, &[&five], "six");
    fs::write(&elsewhere, keys::public_openpgp(ERIN_OPENPGP)).unwrap();
    world.refuses(&[&main(&six)], &["unknown-key"]);
    fs::write(&elsewhere, &certificate).unwrap();

    // An index that is damaged is none.
    let mut damaged = index(&world);
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(index_path(&world), &damaged).unwrap();
    world.accepts(&[&main(&six)]);
    assert_ne!(index(&world), damaged, "it is made anew");
}

#[test]
fn a_file_that_somebody_else_could_write_is_refused_though_it_is_known() {
    let world = many();
    let one = objects::signed(&world, DAVE_OPENPGP, &[], "one");
    let two = objects::signed(&world, DAVE_OPENPGP, &[&one], "two");
    world.accepts(&[&format!("{one}:refs/heads/main")]);
    settle();
    set_mode(&world.registry_path().join("openpgp/7.asc"), 0o666);
    let refused = world.push(&[&format!("{two}:refs/heads/main")]);
    assert!(refused.output.contains("7.asc`: everybody can write"), "{}", refused.output);
    assert_eq!(world.refs()["refs/heads/main"], one);
    set_mode(&world.registry_path().join("openpgp/7.asc"), 0o644);
    world.accepts(&[&format!("{two}:refs/heads/main")]);
}

#[test]
fn what_changes_while_a_push_is_judged_is_told() {
    let world = many();
    let (files, kept) = (TrustedFiles::new(&[]).unwrap(), tempfile::tempdir().unwrap());
    let load =
        || Registry::load_indexed(&files, &world.registry_path(), &[], &TimeZone::UTC, Some(kept.path())).unwrap();
    let before = load();
    assert_eq!(before.certificates().unreadable(), [], "each is read again, as it was");
    before.check_read().unwrap();
    assert_eq!(before.file_list(), load().file_list());
    let changed = load();
    let dave = world.registry_path().join("openpgp/dave.asc");
    fs::write(&dave, keys::public_openpgp(ERIN_OPENPGP)).unwrap();
    assert_eq!(changed.certificates().unreadable().len(), 1);
    let told = changed.check_read().unwrap_err().to_string();
    assert!(told.ends_with("dave.asc` changed while the push was judged"), "{told}");
}
