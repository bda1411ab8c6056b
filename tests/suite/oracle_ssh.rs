//! Our reading of allowed_signers and SSHSIG, against ssh-keygen.
