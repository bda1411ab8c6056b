//! How much of anything is read. Pure.

/// The largest of each thing that is read, in bytes where it is a size. What exceeds its bound is refused before it is
/// parsed, never cut: half of a thing says something else than the whole.
///
/// Time and memory are linear in what is read, so these are also what one push can cost.
#[derive(Debug)]
pub enum Bounds {}

impl Bounds {
    /// What git tells a hook of a push: some 200,000 updates.
    pub const INPUT: u64 = 32 * 1024 * 1024;

    /// A push certificate: it repeats the updates of its push, beside a few headers and a signature.
    pub const PUSH_CERTIFICATE: usize = 32 * 1024 * 1024;

    /// What sshd tells of how somebody authenticated: one key a line, and few of them.
    pub const AUTHENTICATION: u64 = 64 * 1024;

    /// What a Git server calls an account: no server's have longer names, in bytes.
    pub const ACCOUNT: usize = 256;

    /// A push certificate's nonce: git's clients sign no longer one (send-pack.c, `NONCE_LEN_LIMIT`).
    pub const NONCE: usize = 256;

    /// A ref's name. One that is longer than a path can be names no file (Linux's `PATH_MAX`).
    pub const REF_NAME: usize = 4096;

    /// A commit or an annotated tag. Git knows no bound; messages of 64 MiB (imported logs, generated reports) are
    /// legitimate and judged, so it is twice that.
    pub const OBJECT: u64 = 128 * 1024 * 1024;

    /// Headers of a commit or tag, parents and signatures among them: Linux's widest merge has 66, and nothing needs
    /// more.
    pub const HEADERS: usize = 512;

    /// Paths that one commit changes. An import of more is a case for a baseline.
    pub const CHANGED_PATHS: usize = 1_000_000;

    /// What is read and kept to find the paths that one commit changes: trees on all sides, and the paths. A first commit
    /// of a million files takes as much.
    pub const COMPARED: usize = 128 * 1024 * 1024;

    /// A path in a tree. No longer one can be checked out (Linux's `PATH_MAX`).
    pub const PATH: usize = 4096;

    /// Tags of tags: nobody needs more than one or two.
    pub const TAG_LAYERS: usize = 8;

    /// A signature in its armor. SSHSIG with RSA keys of 8192 bits and a certificate of hundreds of principals takes 20
    /// KiB; the largest OpenPGP signature (SLH-DSA-SHAKE-256s, 29,792 bytes) 40 KiB.
    pub const SIGNATURE: usize = 64 * 1024;

    /// Keys that an OpenPGP signature names as its issuer: nobody signs with more at once, and each costs a verification.
    pub const OPENPGP_ISSUERS: usize = 8;

    /// An SSH public key: one of RSA with 8192 bits takes 1,050 bytes, with 16,384 bits 2,100.
    pub const SSH_KEY: usize = 16 * 1024;

    /// Principals of an SSH certificate: as many as OpenSSH takes (sshkey.h, `SSHKEY_CERT_MAX_PRINCIPALS`).
    pub const CERTIFICATE_PRINCIPALS: usize = 256;

    /// A policy. What people write by hand stays far below.
    pub const POLICY: usize = 1024 * 1024;

    /// Syntax errors of a TOML file that are told. After so many it is no TOML, and more of them say nothing.
    pub const SYNTAX_PROBLEMS: usize = 100;

    /// A glob in a policy: no ref and no path of a repository is longer.
    pub const GLOB: usize = 4096;

    /// A regular expression in a policy, once compiled. Matching takes as much again.
    pub const REGEX: usize = 1024 * 1024;

    /// A tag that a merge says it merged (`mergetag`): release notes of half a megabyte would fit.
    pub const MERGE_TAG: usize = 1024 * 1024;

    /// A registry's `allowed_signers`, `revoked_keys`, or one file of `openpgp/`: a hundred thousand lines of RSA keys
    /// take 60 MiB.
    pub const KEY_FILE: usize = 64 * 1024 * 1024;

    /// A registry's `signers.toml`: fifty thousand people of 300 bytes each.
    pub const SIGNERS_FILE: usize = 16 * 1024 * 1024;

    /// Files in a folder: a registry of more is a mistake.
    pub const FILES: usize = 100_000;

    /// Symbolic links on the way to a file: as many as Linux follows (path_resolution(7)).
    pub const LINKS: usize = 40;

    /// A signed note: a checkpoint of three lines takes 200 bytes, and each of 64 post-quantum signatures 4 KiB.
    pub const NOTE: usize = 256 * 1024;

    /// Signatures of a signed note; c2sp.org/signed-note asks for room for 16 at least.
    pub const NOTE_SIGNATURES: usize = 64;

    /// A proof that a record is in the ledger: a signed note, and 64 hashes of 45 bytes before it.
    pub const PROOF: usize = 512 * 1024;
}
