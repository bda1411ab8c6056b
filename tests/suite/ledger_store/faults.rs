//! Folders and disks that are not as they should be.

use super::*;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
};

#[test]
fn what_others_can_write_or_read_is_refused() {
    for (name, mode, why) in [
        ("", 0o777, "everybody can write"),
        ("", 0o770, "can write"),
        ("ledger.sqlite", 0o646, "everybody can write"),
        ("ledger.sqlite-wal", 0o666, "everybody can write"),
        ("ledger.sqlite-shm", 0o664, "can write"),
        ("key", 0o644, "others than its owner can read"),
        ("key", 0o640, "others than its owner can read"),
    ] {
        let ground = Ground::new();
        push(&mut ground.open(), 2_000, &[object(1)]);
        let path = ground.folder().join(name);
        let former = fs::metadata(&path).unwrap().permissions();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = ground.try_open().unwrap_err().to_string();
        assert!(error.contains(why) && error.contains("mend it: chmod"), "{name}: {error}");
        fs::set_permissions(&path, former).unwrap();
        push(&mut ground.open(), 2_000, &[object(2)]);
    }
}

#[test]
fn half_a_ledger_is_not_taken_for_none() {
    for (gone, why) in [("key", "its key is gone"), ("ledger.sqlite", "its database is gone")] {
        let ground = Ground::new();
        push(&mut ground.open(), 2_000, &[object(1)]);
        fs::remove_file(ground.folder().join(gone)).unwrap();
        let error = ground.try_open().unwrap_err().to_string();
        assert!(error.contains(why) && error.contains("from a backup"), "{error}");
    }
    let ground = Ground::new();
    drop(ground.open());
    fs::write(ground.folder().join("key"), "PRIVATE+KEY+x").unwrap();
    let error = ground.try_open().unwrap_err().to_string();
    assert!(error.ends_with("key`: it is no key of a signed note"), "{error}");
}

#[test]
fn a_ledger_whose_making_was_cut_short_is_ended() {
    let ground = Ground::new();
    drop(ground.open());
    // The database has its name already, the key has not.
    fs::rename(ground.folder().join("key"), ground.folder().join("key.new")).unwrap();
    push(&mut ground.open(), 2_000, &[object(1)]);
    assert!(!ground.folder().join("key.new").exists());
    // Neither has, and the database is no more than begun.
    let other = Ground::new();
    fs::create_dir(other.folder()).unwrap();
    fs::write(other.folder().join("key.new"), "PRIV").unwrap();
    fs::write(other.folder().join("ledger.sqlite.new"), "SQLite").unwrap();
    push(&mut other.open(), 2_000, &[object(1)]);
    assert_eq!(verify(&other.open()), [""; 0]);
}

/// Of the root user nothing is kept; it reads what is there all the same.
#[test]
fn a_copy_where_nothing_can_be_written_is_read() {
    let ground = Ground::new();
    push(&mut ground.open(), 2_000, &[object(1)]);
    let mode = |name: &str, mode| {
        fs::set_permissions(ground.folder().join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    for with_locks in [true, false] {
        if !with_locks {
            fs::remove_file(ground.folder().join("ledger.sqlite-shm")).unwrap();
            let database = rusqlite::Connection::open(ground.folder().join("ledger.sqlite")).unwrap();
            database.query_row("PRAGMA wal_checkpoint(truncate)", [], |_| Ok(())).unwrap();
            database.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
            drop(database);
            fs::remove_file(ground.folder().join("ledger.sqlite-shm")).unwrap();
        }
        let names: Vec<_> = fs::read_dir(ground.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.iter().for_each(|name| mode(name.to_str().unwrap(), 0o400));
        mode("", 0o500);
        let reading = Ledger::read(&ground.folder(), &ground.trusted).unwrap().unwrap();
        assert_eq!(memory(&reading).received(object(1)).unwrap(), Some(Timestamp(2_000)), "with locks: {with_locks}");
        assert_eq!(verify(&reading), [""; 0]);
        drop(reading);
        mode("", 0o700);
        names.iter().for_each(|name| mode(name.to_str().unwrap(), 0o600));
    }
}

#[test]
fn nothing_is_acknowledged_in_a_folder_that_went() {
    for put_back in [false, true] {
        let ground = Ground::new();
        let mut ledger = ground.open();
        fs::rename(ground.folder(), ground.temporary.path().join("away")).unwrap();
        if put_back {
            drop(ground.open());
        }
        let error = ledger.append(&at(2_000), |writing| writing.record(&nothing()).map(drop));
        let error = error.unwrap_err().cause.to_string();
        let why = if put_back { "another database was put in its place meanwhile" } else { "No such file" };
        assert!(error.contains(why), "{error}");
        // Nor while it is written.
        let mut ledger = ground.open();
        let again = ground.temporary.path().join("again");
        let appended = ledger.append(&at(2_000), |writing| {
            fs::rename(ground.folder(), &again).unwrap();
            writing.record(&nothing()).map(drop)
        });
        assert!(appended.unwrap_err().cause.to_string().contains("No such file"));
    }
}

#[test]
fn how_long_others_held_it_is_known() {
    let ground = Ground::new();
    let mut ledger = ground.open();
    let database = rusqlite::Connection::open(ground.folder().join("ledger.sqlite")).unwrap();
    let held = std::time::Duration::from_millis(300);
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let release = std::thread::spawn(move || {
        std::thread::sleep(held);
        database.execute_batch("ROLLBACK").unwrap();
    });
    let appended = append(&mut ledger, 2_000, |writing| assert_eq!(push_nothing(writing), 1));
    release.join().unwrap();
    assert!((100..10_000).contains(&appended.waited), "{}", appended.waited);
}

/// Appends pushes of a thousand objects until one fails; prints each number, then the cause.
#[test]
fn the_writer_who_fills_the_disk() {
    let given = std::env::var_os("COUNTERSIGN_TEST_FULL_DISK");
    let ground = Ground::new();
    let folder = given.as_ref().map_or_else(|| ground.folder(), PathBuf::from);
    let mut ledger = Ledger::open(&folder, &ground.trusted, &making()).unwrap();
    for turn in 0..if given.is_some() { 10_000 } else { 3 } {
        let objects: Vec<_> = (0..1_000).map(|number| object(turn * 1_000 + number)).collect();
        let appended = ledger.append(&at(2_000), |writing| {
            let decision = decision(writing, None, Some(objects[0]), &objects);
            let number = record(writing, decision);
            outcome(writing, &[number], &[]);
            Ok(())
        });
        match appended {
            Ok(appended) => println!("acknowledged {}", appended.unwrap().first),
            Err(error) => return println!("failed {}", error.cause),
        }
    }
    assert!(given.is_none(), "the disk did not fill");
    assert_eq!(verify(&ledger), [""; 0]);
}

/// A limit of the size of files stands for the disk: SQLite is told so in the same place.
#[test]
fn nothing_recorded_is_lost_when_the_disk_is_full() {
    let ground = Ground::new();
    push(&mut ground.open(), 1_500, &[object(4_000_000)]);
    let program = std::env::current_exe().unwrap();
    let script = "trap '' XFSZ; ulimit -f 6000; exec \"$0\" --exact --nocapture ledger_store::faults::the_writer_who_fills_the_disk";
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg(program).env("COUNTERSIGN_TEST_FULL_DISK", ground.folder());
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let acknowledged: Vec<u64> =
        output.lines().filter_map(|line| line.split_once("acknowledged ")?.1.parse().ok()).collect();
    assert!(acknowledged.len() > 3 && output.contains("failed "), "{output}");
    // The disk has room again.
    let mut ledger = ground.open();
    assert_eq!(verify(&ledger), [""; 0]);
    let computed = ledger.verify(&mut |damage| panic!("{damage}")).unwrap();
    assert_eq!(Some(computed.size), acknowledged.last().map(|last| last + 2), "{output}");
    let last = object((acknowledged.len() as u32 - 1) * 1_000 + 999);
    assert_eq!(memory(&ledger).received(last).unwrap(), Some(Timestamp(2_000)));
    push(&mut ledger, 3_000, &[object(1)]);
    assert_eq!(verify(&ledger), [""; 0]);
}
