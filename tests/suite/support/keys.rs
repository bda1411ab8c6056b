//! The keys of `fixtures/keys`, and signing with them as git does.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

pub const ALICE_SSH: &str = "alice-ssh";
pub const BOB_SSH: &str = "bob-ssh";
/// Registered nowhere.
pub const MALLORY_SSH: &str = "mallory-ssh";
pub const DAVE_OPENPGP: &str = "dave-openpgp";
/// RSA.
pub const ERIN_OPENPGP: &str = "erin-openpgp";
/// An OpenPGP key that was valid in 2020 alone; see [`sign_at`].
pub const CAROL_EXPIRED: &str = "carol-expired";
/// Registered nowhere.
pub const MALLORY_OPENPGP: &str = "mallory-openpgp";

const OPENPGP: &[&str] = &[DAVE_OPENPGP, ERIN_OPENPGP, CAROL_EXPIRED, MALLORY_OPENPGP];
const SSH: &[&str] = &[ALICE_SSH, BOB_SSH, MALLORY_SSH];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/keys").join(name)
}

/// `ssh-ed25519 AAAA… comment`.
pub fn public_ssh(name: &str) -> String {
    fs::read_to_string(fixture(&format!("{name}.pub"))).unwrap().trim_end().to_owned()
}

/// An armored certificate.
pub fn public_openpgp(name: &str) -> String {
    fs::read_to_string(fixture(&format!("{name}.asc"))).unwrap()
}

pub fn is_openpgp(name: &str) -> bool {
    OPENPGP.contains(&name)
}

/// `SHA256:…`, or a long OpenPGP fingerprint in upper case.
pub fn fingerprint(name: &str) -> String {
    if is_openpgp(name) {
        let mut command = gpg();
        command.args(["--with-colons", "--list-keys", &user_id(name)]);
        let listed = super::run_well(command, b"");
        let line = listed.lines().find(|line| line.starts_with("fpr:")).unwrap();
        return line.split(':').nth(9).unwrap().to_owned();
    }
    let mut command = Command::new("ssh-keygen");
    command.arg("-lf").arg(fixture(&format!("{name}.pub")));
    super::run_well(command, b"").split(' ').nth(1).unwrap().to_owned()
}

/// The email of a key's owner, which gpg finds the key by.
pub fn user_id(name: &str) -> String {
    let owner = name.split('-').next().unwrap();
    let domain = if owner == "mallory" { "example.net" } else { "example.com" };
    format!("{owner}@{domain}")
}

/// What `user.signingkey` is set to.
pub fn signing_key(name: &str) -> String {
    if is_openpgp(name) { user_id(name) } else { ring().path(name).to_str().unwrap().to_owned() }
}

/// An armored signature as git would ask for it.
pub fn sign(name: &str, payload: &[u8]) -> String {
    if is_openpgp(name) {
        return sign_openpgp(name, &[], payload);
    }
    sign_in_namespace(name, "git", payload)
}

pub fn sign_in_namespace(name: &str, namespace: &str, payload: &[u8]) -> String {
    let mut command = Command::new("ssh-keygen");
    command.args(["-Y", "sign", "-n", namespace, "-f"]).arg(ring().path(name));
    super::run_well(command, payload) + "\n"
}

/// An OpenPGP signature that states another time, such as `20200601T000000`.
pub fn sign_at(name: &str, time: &str, payload: &[u8]) -> String {
    sign_openpgp(name, &["--faked-system-time", time], payload)
}

/// An OpenPGP signature over a hash that proves nothing any more; by an RSA key, others refuse to.
pub fn sign_weakly(name: &str, payload: &[u8]) -> String {
    sign_openpgp(name, &["--digest-algo", "SHA1"], payload)
}

fn sign_openpgp(name: &str, options: &[&str], payload: &[u8]) -> String {
    let mut command = gpg();
    command.args(options).args(["--armor", "--detach-sign", "--local-user", &user_id(name)]);
    super::run_well(command, payload) + "\n"
}

fn gpg() -> Command {
    let mut command = Command::new("gpg");
    command.args(["--homedir"]).arg(gnupg_home()).args(["--batch", "--quiet"]);
    command
}

pub fn gnupg_home() -> PathBuf {
    ring().path("gnupg")
}

/// Copies of the private keys with the modes that the tools ask for; one for the whole run.
struct Ring {
    folder: PathBuf,
    /// Ends the agent and removes the folder when this process is gone, however it ends.
    _sweeper: Child,
}

impl Ring {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn ring() -> &'static Ring {
    static RING: OnceLock<Ring> = OnceLock::new();
    RING.get_or_init(|| {
        // Short: the agent's socket lies in it, and a socket's path holds 107 bytes.
        let folder = tempfile::Builder::new().prefix("keys-").tempdir().unwrap().keep();
        let sweep = "read -r _; gpgconf --homedir \"$1/gnupg\" --kill all; rm -rf \"$1\"";
        let mut sweeper = Command::new("sh");
        sweeper.args(["-c", sweep, "sh"]).arg(&folder);
        sweeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let ring = Ring { _sweeper: sweeper.spawn().unwrap(), folder };
        for name in SSH {
            fs::copy(fixture(name), ring.path(name)).unwrap();
            fs::write(ring.path(&format!("{name}.pub")), public_ssh(name)).unwrap();
            super::set_mode(&ring.path(name), 0o600);
            super::set_mode(&ring.path(&format!("{name}.pub")), 0o644);
        }
        let home = ring.path("gnupg");
        fs::create_dir(&home).unwrap();
        super::set_mode(&home, 0o700);
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(&home).args(["--batch", "--quiet", "--import"]);
        command.args(OPENPGP.iter().map(|name| fixture(&format!("{name}.secret.asc"))));
        super::run_well(command, b"");
        ring
    })
}
