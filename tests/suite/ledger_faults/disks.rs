//! Disks, folders and databases that are not as they should be: nothing is let in until somebody has mended them.

use super::*;
use std::os::unix::fs::{MetadataExt, chown};

/// A push of a new branch is refused while this is broken, with these words, and let in once it is mended.
#[track_caller]
fn refused_until_mended(breaks: impl FnOnce(&World), words: &[&str], mends: impl FnOnce(&World)) {
    let world = world();
    let commit = commits(&world, 1).remove(0);
    accepts(&world, &[&format!("{commit}:refs/heads/one")]);
    breaks(&world);
    let (accepted, told) = push(&world, &[&format!("{commit}:refs/heads/two")]);
    assert!(!accepted && !world.refs().contains_key("refs/heads/two"), "{told}");
    for words in words.iter().chain(&["could not decide, so nothing was accepted", "administrator has to act"]) {
        assert!(told.contains(words), "{words}: {told}");
    }
    mends(&world);
    accepts(&world, &[&format!("{commit}:refs/heads/two")]);
    every_branch_was_decided(&world, &world.server(), &whole(&world));
}

fn mode(name: &'static str, mode: u32) -> impl Fn(&World) {
    move |world| set_mode(&world.path("ledger").join(name), mode)
}

fn owner(user: u32) -> impl Fn(&World) {
    move |world| chown(world.path("ledger"), Some(user), None).unwrap()
}

fn sql(sql: &'static str) -> impl Fn(&World) {
    move |world| database(world).execute_batch(sql).unwrap()
}

#[test]
fn a_key_that_others_can_read() {
    refused_until_mended(
        mode("key", 0o644),
        &["others than its owner can read", "mend it: chmod 600"],
        mode("key", 0o600),
    );
}

#[test]
fn a_folder_that_everybody_can_write() {
    refused_until_mended(mode("", 0o777), &["everybody can write", "mend it: chmod"], mode("", 0o700));
}

#[test]
fn a_key_that_is_no_key() {
    let put = |from: &'static str, to: &'static str| {
        move |world: &World| fs::rename(world.path("ledger").join(from), world.path("ledger").join(to)).unwrap()
    };
    let breaks = |world: &World| {
        put("key", "kept")(world);
        let text = fs::read_to_string(world.path("ledger/kept")).unwrap();
        fs::write(world.path("ledger/key"), text.replace("PRIVATE+KEY", "PRIVATE+KEX")).unwrap();
        set_mode(&world.path("ledger/key"), 0o600);
    };
    refused_until_mended(breaks, &["ledger/key", "is no key of a signed note"], put("kept", "key"));
}

/// Root reads and writes everything, whatever its mode says.
fn is_root() -> bool {
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if !root {
        println!("left out: only root can give a file to another user, or mount a disk");
    }
    root
}

#[test]
fn a_folder_of_another_owner() {
    if is_root() {
        refused_until_mended(owner(65_534), &["ledger", "belongs to user 65534"], owner(0));
    }
}

#[test]
fn a_database_of_a_later_version() {
    let words = ["its database has version 2, and this program knows version 1 alone"];
    refused_until_mended(sql("PRAGMA user_version = 2"), &words, sql("PRAGMA user_version = 1"));
}

#[test]
fn a_database_of_something_else() {
    let words = ["its database is damaged: it is not a ledger's", "put back a backup"];
    refused_until_mended(sql("PRAGMA application_id = 7"), &words, sql("PRAGMA application_id = 0x4353676E"));
}

#[test]
fn pages_that_are_damaged() {
    let file = |world: &World| world.path("ledger/ledger.sqlite");
    for (from, count) in [(0, 16), (16, 84), (4_096, usize::MAX)] {
        let breaks = |world: &World| {
            database(world).query_row("PRAGMA wal_checkpoint(truncate)", [], |_| Ok(())).unwrap();
            fs::copy(file(world), world.path("kept")).unwrap();
            let mut bytes = fs::read(file(world)).unwrap();
            bytes.iter_mut().skip(from).take(count).for_each(|byte| *byte ^= 0x5a);
            fs::write(file(world), bytes).unwrap();
            // It is not made anew: the next push finds it damaged, too.
            let commit = world.refs()["refs/heads/one"].clone();
            let (accepted, told) = push(world, &[&format!("{commit}:refs/heads/three")]);
            assert!(!accepted, "{told}");
        };
        let mends = |world: &World| {
            for beside in ["-wal", "-shm"] {
                drop(fs::remove_file(world.path(&format!("ledger/ledger.sqlite{beside}"))));
            }
            fs::copy(world.path("kept"), file(world)).unwrap();
            set_mode(&file(world), 0o600);
        };
        refused_until_mended(breaks, &["the ledger", "its database is damaged", "put back a backup"], mends);
    }
}

#[test]
fn a_ledger_that_is_half_gone() {
    for (name, why) in [("key", "its key is gone"), ("ledger.sqlite", "its database is gone")] {
        let (path, kept) = (format!("ledger/{name}"), format!("kept-{name}"));
        refused_until_mended(
            |world| fs::rename(world.path(&path), world.path(&kept)).unwrap(),
            &[why],
            |world| fs::rename(world.path(&kept), world.path(&path)).unwrap(),
        );
    }
}

/// A small disk of its own for the ledger, until it is dropped; `None` where none can be mounted.
struct Disk(PathBuf);

impl Disk {
    fn new(world: &World, size: &str) -> Option<Self> {
        let folder = world.path("ledger");
        if !is_root() {
            return None;
        }
        fs::create_dir(&folder).unwrap();
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={size},mode=700"), "countersign"]).arg(&folder);
        let output = support::run(command, b"");
        if !output.status.success() {
            println!("left out: {}", String::from_utf8_lossy(&output.stderr));
            return None;
        }
        Some(Self(folder))
    }

    fn remount(&self, options: &str) {
        let mut command = Command::new("mount");
        command.args(["-o", &format!("remount,{options}")]).arg(&self.0);
        support::run_well(command, b"");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let mut command = Command::new("umount");
        command.arg("-l").arg(&self.0);
        support::run_well(command, b"");
    }
}

#[test]
fn a_disk_that_is_full() {
    let world = world();
    let Some(disk) = Disk::new(&world, "1536k") else { return };
    let commit = commits(&world, 1).remove(0);
    let filler = world.path("ledger/filler");
    let mut number = 0;
    let mut push_one = || {
        number += 1;
        push(&world, &[&format!("{commit}:refs/heads/b{number}")])
    };
    assert!(push_one().0);
    // Room for less and less.
    let mut refused = 0;
    for room in (0..20).rev() {
        let free = rustix::fs::statvfs(world.path("ledger")).unwrap();
        let leave = room * 4_096;
        let filled = fs::metadata(&filler).map_or(0, |filler| filler.len());
        let size = (filled + free.f_bfree * free.f_frsize).saturating_sub(leave);
        fs::write(&filler, vec![1; usize::try_from(size).unwrap()]).unwrap();
        let (accepted, told) = push_one();
        if !accepted {
            refused += 1;
            assert!(told.contains("while writing the ledger") && told.contains("full"), "{told}");
        }
        every_branch_was_decided(&world, &world.server(), &records(&world));
    }
    assert!(refused > 0);
    // It is read all the same; and has room again.
    fs::remove_file(&filler).unwrap();
    let (accepted, told) = push_one();
    assert!(accepted, "{told}");
    every_branch_was_decided(&world, &world.server(), &whole(&world));
    drop(disk);
}

#[test]
fn a_disk_without_room_for_a_ledger() {
    let world = world();
    let Some(disk) = Disk::new(&world, "64k") else { return };
    let commit = commits(&world, 1).remove(0);
    let refspec = format!("{commit}:refs/heads/main");
    let (accepted, told) = push(&world, &[&refspec]);
    assert!(!accepted && told.contains("while making the ledger"), "{told}");
    disk.remount("size=4m");
    accepts(&world, &[&refspec]);
    every_branch_was_decided(&world, &world.server(), &whole(&world));
}

#[test]
fn a_disk_that_can_only_be_read() {
    let world = world();
    let Some(disk) = Disk::new(&world, "4m") else { return };
    let commit = commits(&world, 1).remove(0);
    accepts(&world, &[&format!("{commit}:refs/heads/one")]);
    disk.remount("ro");
    let (accepted, told) = push(&world, &[&format!("{commit}:refs/heads/two")]);
    assert!(!accepted && told.contains("the ledger"), "{told}");
    assert!(told.contains("readonly") || told.contains("read-only") || told.contains("Read-only"), "{told}");
    disk.remount("rw");
    accepts(&world, &[&format!("{commit}:refs/heads/two")]);
    every_branch_was_decided(&world, &world.server(), &whole(&world));
}
