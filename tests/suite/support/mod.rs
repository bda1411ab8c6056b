//! Throw-away servers and clients: real pushes by real git through the hook, with keys and objects made here.

pub mod browser;
mod dice;
pub mod keys;
pub mod objects;
mod outcome;
pub mod security_key;
mod world;
pub mod year;

pub use dice::Dice;
pub use outcome::{Pushed, is_told, phrase_of};
pub use world::World;

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
};

/// Runs to the end with this on standard input.
pub fn run(mut command: Command, stdin: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut input = child.stdin.take().unwrap();
    thread::scope(|scope| {
        // A program that does not read all of it is no fault of the test's.
        scope.spawn(move || drop(input.write_all(stdin)));
        child.wait_with_output().unwrap()
    })
}

/// What a program that must succeed writes, without the last newline.
pub fn run_well(command: Command, stdin: &[u8]) -> String {
    let told = format!("{command:?}");
    let output = run(command, stdin);
    let text = String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned();
    assert!(output.status.success(), "{told}\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
