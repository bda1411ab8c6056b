//! Signatures made by real clients, each judged by its own verifier as well: `ssh-keygen -Y` and `gpg --verify` must agree.

mod certificates;
mod key_validity;
mod mutations;
mod openpgp;
mod owners;
mod packet_forms;
mod packets;
mod security_keys;
mod ssh;
mod ssh_forms;

use countersign::{
    object::{Signed, Slot},
    signature::{self, Bad, Certificates, Defect, Signature, Verified},
};
use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};
use tempfile::TempDir;

/// What a commit is to its verifier.
const PAYLOAD: &[u8] = b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\nAdd retry to the uploader\n";

fn verify_with(certificates: &Certificates, payload: &[u8], armor: &[u8]) -> Signature {
    signature::verify(&Slot::One(Signed { payload: payload.into(), signature: armor.into() }), certificates)
}

fn good(signature: Signature) -> Verified {
    match signature {
        Signature::Verified(verified) => verified,
        other => panic!("{other:?}"),
    }
}

fn bad(signature: Signature) -> Bad {
    match signature {
        Signature::Bad(bad) => bad,
        other => panic!("{other:?}"),
    }
}

/// A folder of its own, in which programs find nothing of whoever runs the tests.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = tempfile::Builder::new().prefix("cs").permissions(fs::Permissions::from_mode(0o700)).tempdir();
        Self(home.unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.join(name), bytes).unwrap();
        self.join(name)
    }

    fn run(&self, program: &str, arguments: &[&str], input: &[u8]) -> Output {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.path()).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("HOME", self.path()).env("GNUPGHOME", self.path()).env("TZ", "UTC").env("LC_ALL", "C");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A program that does not read its input is no fault of the test's.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    }

    fn ok(&self, program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let output = self.run(program, arguments, input);
        assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}
