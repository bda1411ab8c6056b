//! Commands, statuses and output, from outside.
