//! Signatures made by real clients.
