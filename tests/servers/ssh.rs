//! An sshd of the tests' own, which lets in whoever runs them.

use crate::{
    process::{self, Process},
    support::{World, keys, run_well, set_mode},
};
use std::{fs, path::Path, process::Command};

/// Starts it on a free port. The first value of a setting counts: these come first. Of the home of whoever runs the tests a
/// session has nothing; this one stands for it.
pub fn start(world: &World, home: &Path, settings: &str) -> (u16, Process) {
    if rustix::process::geteuid().is_root() {
        // As its service does: an empty folder for the part without rights.
        fs::create_dir_all("/run/sshd").unwrap();
        set_mode(Path::new("/run/sshd"), 0o755);
    }
    make_key(world, "host");
    let (config, log) = (world.path("sshd_config"), world.path("sshd.log"));
    let command = |port: u16| {
        fs::write(&config, configuration(world, home, port, settings)).unwrap();
        let mut command = world.command(process::program("sshd", "openssh-server"), &world.path("home"));
        command.args(["-D", "-e", "-f"]).arg(&config);
        command
    };
    // A connection that comes to nothing is held against whoever made it (sshd_config(5), `PerSourcePenalties`).
    let listens = |port: u16| {
        let told = fs::read_to_string(&log).unwrap_or_default();
        told.contains(&format!("Server listening on 127.0.0.1 port {port}."))
    };
    let (port, sshd) = process::listening_when(&log, command, listens);
    let host = fs::read_to_string(world.path("home/host.pub")).unwrap();
    fs::write(world.path("known_hosts"), format!("[127.0.0.1]:{port} {host}")).unwrap();
    (port, sshd)
}

/// What follows the settings ends them where these end in a `Match`, and stands before them for that.
fn configuration(world: &World, home: &Path, port: u16, settings: &str) -> String {
    format!(
        "ListenAddress 127.0.0.1:{port}\nHostKey {host}\nPidFile none\nUsePAM no\nStrictModes no\n\
         PermitRootLogin prohibit-password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
         SetEnv \"PATH={path}\" HOME={home} GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null\n{settings}",
        host = world.path("home/host").display(),
        path = std::env::var("PATH").unwrap(),
        home = home.display(),
    )
}

/// A key pair in the world's home.
pub fn make_key(world: &World, name: &str) {
    let mut command = world.command("ssh-keygen", &world.path("home"));
    command.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", name]);
    run_well(command, b"");
}

/// Git's `GIT_SSH_COMMAND` for it, with these options of ssh's.
pub fn client(world: &World, port: u16, options: &str) -> String {
    format!(
        "ssh -F none -p {port} -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none -o UserKnownHostsFile={} \
         -o GlobalKnownHostsFile=none {options}",
        world.path("known_hosts").display()
    )
}

/// The options to log in with a key of `fixtures/keys`.
pub fn login(key: &str) -> String {
    format!("-i {}", keys::signing_key(key))
}

/// Sshd lets in whoever runs it, and no other unless that is root.
pub fn user() -> String {
    let mut command = Command::new("id");
    command.arg("-un");
    run_well(command, b"")
}
