//! Facts in, verdict out. Pure.
