//! Our reading of commits and tags, against git.
