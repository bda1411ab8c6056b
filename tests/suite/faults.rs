//! What an administrator or a disk can break: the push is refused and told who has to act.
