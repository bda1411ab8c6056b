//! Each attack refused for its reason; its legitimate twin accepted.

mod certificates;
mod grammar;
mod paths;
mod program;
mod pushers;
mod selection;
mod tags;
mod trust;
