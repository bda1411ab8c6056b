//! Servers as processes of the tests: on the loopback interface, and gone with whoever started them.

use crate::support::run_well;
use std::{
    env, fs,
    net::{TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// Starts what follows in a process group of its own, and ends that group when its standard input ends: also if the tests are
/// killed. Git's daemon ignores SIGTERM, and others leave children that finish.
const KEEPER: &str = r#"
exec 3<&0
setsid "$@" 3<&- </dev/null &
group=$!
{
    read -r _ <&3
    kill -TERM "-$group"
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        kill -0 "-$group" || exit
        sleep 0.1
    done
    kill -KILL "-$group"
} 2>/dev/null &
exec 3<&-
wait "$group"
"#;

/// A running server. It is ended when this is dropped.
pub struct Process {
    keeper: Child,
}

impl Process {
    /// What it tells goes into a log.
    pub fn start(command: &Command, log: &Path) -> Self {
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "sh"]).arg(command.get_program()).args(command.get_args());
        keeper.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(folder) = command.get_current_dir() {
            keeper.current_dir(folder);
        }
        // Else what ends the tests from a terminal ends the keeper, and not what it keeps.
        keeper.process_group(0);
        let log = fs::File::create(log).unwrap();
        keeper.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log);
        Self { keeper: keeper.spawn().unwrap() }
    }

    fn has_ended(&mut self) -> bool {
        self.keeper.try_wait().unwrap().is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        drop(self.keeper.wait());
    }
}

/// Starts a server on a port that is free, which `start` is given.
pub fn listening(log: &Path, start: impl Fn(u16) -> Command) -> (u16, Process) {
    listening_when(log, start, |port| TcpStream::connect(("127.0.0.1", port)).is_ok())
}

/// As [`listening`], where something else than a connection tells that it does.
pub fn listening_when(log: &Path, start: impl Fn(u16) -> Command, listens: impl Fn(u16) -> bool) -> (u16, Process) {
    for _ in 0..5 {
        // Free when it was asked for. A server that finds it taken since ends.
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let mut process = Process::start(&start(port), log);
        let until = Instant::now() + PATIENCE;
        while !process.has_ended() && Instant::now() < until {
            if listens(port) {
                return (port, process);
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
    panic!("the server does not listen: {}", fs::read_to_string(log).unwrap_or_default());
}

/// Waits for what a server makes, such as its socket.
pub fn wait_for(path: &Path, log: &Path) {
    let until = Instant::now() + PATIENCE;
    while !path.exists() {
        assert!(Instant::now() < until, "{}: {}", path.display(), fs::read_to_string(log).unwrap_or_default());
        thread::sleep(Duration::from_millis(10));
    }
}

/// A program that a server consists of; servers are where only root looks.
pub fn program(name: &str, package: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = folders.map(|folder| folder.join(name)).find(|program| program.exists());
    found.unwrap_or_else(|| panic!("{name} is missing: apt-get install {package}, or make test-servers"))
}

/// Git's own programs, that of git which is first in the path.
pub fn git_core() -> PathBuf {
    let mut command = Command::new("git");
    command.arg("--exec-path");
    run_well(command, b"").into()
}
