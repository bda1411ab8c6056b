//! The file layer below the hook, which fails when it is told to; `layer.c` is loaded into the program.

use super::*;
use std::sync::OnceLock;

/// How a call fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// That one, with EIO; those after it do not.
    Fails,
    /// From there on, whatever takes room, with ENOSPC.
    NoRoom,
    /// The process is killed before it.
    Kills,
    /// The process is killed in the midst of it, or right after it.
    KillsAfterHalf,
}

pub const ALL: [How; 4] = [How::Fails, How::NoRoom, How::Kills, How::KillsAfterHalf];

/// The library, built once by the machine's C compiler.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, library) = LIBRARY.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("layer.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/ledger_faults/layer.c");
        let mut command = Command::new("cc");
        command.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&library).arg(source);
        support::run_well(command, b"");
        (folder, library)
    });
    library
}

/// From now on, no call fails.
pub fn whole(world: &World) {
    put_below(world, 0, How::Fails);
}

/// From now on, the hook's call of this number, from 1, fails; 0 fails none.
pub fn put_below(world: &World, at: usize, how: How) {
    drop(fs::remove_file(world.path("calls")));
    let how = match how {
        How::Fails => "eio",
        How::NoRoom => "enospc",
        How::Kills => "kill",
        How::KillsAfterHalf => "half",
    };
    let settings = format!(
        "export LD_PRELOAD='{}' LAYER_BELOW='{}' LAYER_LOG='{}' LAYER_AT={at} LAYER_HOW={how}\n",
        library().display(),
        world.path("ledger").display(),
        world.path("calls").display(),
    );
    fs::write(world.path("before"), settings).unwrap();
}

/// From now on, the hook's clock is ahead by so many seconds.
pub fn set_clock_ahead(world: &World, seconds: i64) {
    let settings = format!("export LD_PRELOAD='{}' LAYER_CLOCK={seconds}\n", library().display());
    fs::write(world.path("before"), settings).unwrap();
}

pub fn take_away(world: &World) {
    drop(fs::remove_file(world.path("before")));
}

/// The calls so far, a line each: number, name, path.
pub fn calls(world: &World) -> Vec<String> {
    let calls = fs::read_to_string(world.path("calls")).unwrap_or_default();
    calls.lines().map(str::to_owned).collect()
}
