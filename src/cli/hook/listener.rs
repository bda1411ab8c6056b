//! Whether the pusher still hears.

/// Whether standard output and standard error still lead to somebody. A closed one is reopened by Rust's start-up as
/// `/dev/null` for reading and writing; a pipe whose reader went away says so when asked.
pub(super) fn somebody_listens() -> bool {
    use rustix::{
        event::{PollFd, PollFlags, Timespec, poll},
        fs::{OFlags, fcntl_getfl, fstat},
        stdio::{stderr, stdout},
    };
    let reopened = |stream| {
        let null = rustix::fs::stat("/dev/null").map(|null| null.st_rdev);
        let same = matches!((fstat(stream), null), (Ok(own), Ok(null)) if own.st_rdev == null);
        same && fcntl_getfl(stream).is_ok_and(|flags| flags & OFlags::RWMODE == OFlags::RDWR)
    };
    if reopened(stdout()) {
        return false;
    }
    let (out, err) = (stdout(), stderr());
    let mut streams = [PollFd::new(&out, PollFlags::OUT), PollFd::new(&err, PollFlags::OUT)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut streams, Some(&at_once)).is_ok()
        && streams.iter().all(|stream| !stream.revents().intersects(PollFlags::ERR | PollFlags::NVAL))
}
