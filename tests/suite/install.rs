//! install.sh on real repositories.
