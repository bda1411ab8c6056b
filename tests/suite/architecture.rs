//! The directions of ARCHITECTURE.md, read from the source.
