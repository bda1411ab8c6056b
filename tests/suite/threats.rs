//! Each attack refused for its reason; its legitimate twin accepted.

mod approvals;
mod certificates;
mod emergencies;
mod grammar;
mod paths;
mod program;
mod pushers;
mod selection;
mod stale;
mod tags;
mod trust;
mod two_people;
