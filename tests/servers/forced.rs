//! Forges that are not run here: what lies in their repositories and what they set is made exactly as they do. Their account for
//! pushes over SSH is a real one: each key is let in with a command of the forge's, as in the `authorized_keys` that they write.

use crate::{
    process::Process,
    server::Remote,
    site::Site,
    ssh,
    support::keys::{self, ALICE_SSH, BOB_SSH},
};
use std::{fs, path::Path};

/// Lets in Alice by key number 1 and Bob by number 2, with the forge's program run as `PROGRAM VERB key-N`.
pub fn start(site: &Site, program: &Path, verb: &str, address: &str) -> (Process, [Remote; 2]) {
    let list = site.path("authorized_keys");
    let line = |(number, key): (u32, &str)| {
        let options = "no-port-forwarding,no-X11-forwarding,no-agent-forwarding,no-pty,no-user-rc,restrict";
        format!("command=\"{}{verb} key-{number}\",{options} {}\n", program.display(), keys::public_ssh(key))
    };
    fs::write(&list, [(1, ALICE_SSH), (2, BOB_SSH)].map(line).concat()).unwrap();
    let (port, sshd) = ssh::start(&site.world, &site.path("home"), &format!("AuthorizedKeysFile {}\n", list.display()));
    let remotes = [ALICE_SSH, BOB_SSH].map(|key| Remote {
        address: format!("ssh://{}@127.0.0.1/{address}", ssh::user()),
        environment: vec![("GIT_SSH_COMMAND", ssh::client(&site.world, port, &ssh::login(key)))],
    });
    (sshd, remotes)
}
