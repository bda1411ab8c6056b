//! While a ledger is closed and continued, at every call with which its files are changed, the disk fails, is full, or the process is
//! killed: never do two ledgers take pushes, and what was begun can be ended.

use super::{
    layer::{self, ALL, How, calls, put_below},
    *,
};

/// Below the folder of the ledger that is closed, so that the layer sees both.
const NEXT: &str = "ledger/next";

/// Closes the ledger; the exit status and all that it told.
fn close(world: &World) -> (Option<i32>, String) {
    let mut command = world.command("sh", &world.server());
    let script = format!(
        ". '{}'; exec '{}' ledger close --yes --next '{}' --policy '{}'",
        world.path("before").display(),
        env!("CARGO_BIN_EXE_countersign"),
        world.path(NEXT).display(),
        world.policy_path().display(),
    );
    command.args(["-c", &script]);
    let output = support::run(command, b"");
    let told = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(told).unwrap())
}

/// The hook on a new branch, under a policy that names this ledger: whether it lets it in, and what it told.
fn hook_in(world: &World, ledger: &str, number: usize, commit: &str) -> (bool, String) {
    world.policy(&format!("{POLICY}\n[ledger]\npath = \"../{ledger}\"\n"));
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.server());
    command.args(["hook", "pre-receive", "--policy"]).arg(world.policy_path()).env("GIT_DIR", ".");
    let line = format!("{} {commit} refs/heads/b{number}\n", world.null());
    let output = support::run(command, line.as_bytes());
    world.policy(POLICY);
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn while_it_is_closed_and_the_next_is_made() {
    let world = world();
    layer::whole(&world);
    let commit = commits(&world, 1).remove(0);
    accepts(&world, &[&format!("{commit}:refs/heads/main")]);
    let kept = world.path("kept");
    super::boundaries::copy(&world.path("ledger"), &kept);
    let (mut most, mut number, mut found, mut ended) = (0, 0, Vec::<String>::new(), [0; 3]);
    for how in ALL {
        for at in 1.. {
            // Between two writes to the same file is where the one before was half done.
            let is_same = at > 1 && found.get(at - 1).is_some_and(|call| *call == found[at - 2]);
            let named =
                |names: &[&str]| found.get(at - 1).is_none_or(|call| names.contains(&call.split(' ').next().unwrap()));
            let is_other_way = match how {
                How::Fails => true,
                How::NoRoom => named(&["open", "mkdir", "write", "pwrite", "ftruncate"]),
                How::Kills => !is_same,
                How::KillsAfterHalf => named(&["write", "pwrite"]),
            };
            if !is_other_way {
                continue;
            }
            number += 1;
            world.forget();
            super::boundaries::copy(&kept, &world.path("ledger"));
            put_below(&world, at, how);
            let (status, told) = close(&world);
            let calls = calls(&world);
            layer::whole(&world);
            let Some(call) = calls.get(at - 1) else {
                assert_eq!(status, Some(0), "{told}");
                most = most.max(calls.len());
                found = calls.iter().map(|call| call.split_once(' ').unwrap().1.to_owned()).collect();
                break;
            };
            let is_closed = of_type(&records(&world), "closed").len() == 1;
            let is_next = world.path(NEXT).join("key").exists();
            let context = format!("{how:?} at {call}: {told}");
            assert!(is_closed || !is_next, "{context}");
            assert!(status != Some(0) || is_next, "{context}");
            let old = |number| hook_in(&world, "ledger", number, &commit);
            let next = |number| hook_in(&world, NEXT, number, &commit);
            match (is_closed, is_next) {
                (false, _) => ended[0] += 1,
                (true, false) => {
                    ended[1] += 1;
                    let (is_in, told) = next(number);
                    assert!(!is_in && told.contains("is not made yet"), "{context}: {told}");
                }
                (true, true) => ended[2] += 1,
            }
            if !is_closed && number % 2 == 0 {
                // Whoever does not go on with it loses nothing.
                let (is_in, told) = old(number);
                assert!(is_in, "{context}: {told}");
                continue;
            }
            let (status, told) = close(&world);
            assert_eq!(status, Some(0), "{context}: again: {told}");
            let (is_in, told) = old(number);
            assert!(!is_in && told.contains("it is closed, and the ledger"), "{context}: {told}");
            let (is_in, told) = next(number);
            assert!(is_in, "{context}: {told}");
            let trusted = TrustedFiles::new(&[]).unwrap();
            let ledger = Ledger::read(&world.path(NEXT), &trusted).unwrap().unwrap();
            let mut damages = Vec::new();
            for ledger in ledger.chain().unwrap() {
                ledger.verify(&mut |damage| damages.push(damage.to_string())).unwrap();
            }
            assert_eq!((damages, ledger.chain().unwrap().len()), (Vec::<String>::new(), 2), "{context}");
        }
    }
    println!("closing a ledger and making the next: {most} calls; ended {ended:?}");
    assert!(most > 40 && ended.iter().all(|count| *count > 5), "{most} {ended:?}");
}
