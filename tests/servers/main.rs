//! Real servers, started and stopped by the tests on the loopback interface: what install.sh puts on each, and what comes of
//! pushes to it. `make test-servers` installs what they need.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::as_conversions)]
#![allow(clippy::disallowed_methods, clippy::print_stderr, clippy::print_stdout, clippy::wildcard_enum_match_arm)]

#[path = "../suite/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the suite uses the rest")]
mod support;

mod capabilities;
mod daemon;
mod forced;
mod gitea;
mod gitlab;
mod gitolite;
mod http;
mod manual;
mod process;
mod server;
mod site;
mod ssh;
mod sshd;
mod who_pushes;
