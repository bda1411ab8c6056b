//! All integration tests but the scenarios, in one binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::as_conversions)]
#![allow(clippy::disallowed_methods, clippy::print_stderr, clippy::print_stdout, clippy::wildcard_enum_match_arm)]

mod acting;
mod architecture;
mod bounds;
mod browser;
mod changes;
mod cli;
mod faults;
mod fuzz;
mod guide;
mod hints;
mod install;
mod ledger_checks;
mod ledger_export;
mod ledger_faults;
mod ledger_keeping;
mod ledger_past;
mod ledger_proofs;
mod ledger_queries;
mod ledger_register;
mod ledger_report;
mod ledger_store;
mod ledger_witness;
mod legitimate;
mod manual;
mod oracle_krl;
mod oracle_ledger;
mod oracle_objects;
mod oracle_ssh;
mod oracle_trailers;
mod policies;
mod policy_check;
mod policy_diff;
mod policy_install;
mod policy_replay;
mod project;
mod push_certificates;
mod registry_edits;
mod repository;
mod signatures;
mod sshd;
mod support;
mod threats;
mod wild;
