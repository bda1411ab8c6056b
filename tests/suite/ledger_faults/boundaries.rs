//! At every call with which the hook changes the ledger's files, the disk fails, is full, or the process is killed.

use super::{
    layer::{self, ALL, How, calls, put_below},
    *,
};

/// Pushes to new branches, of which each has a number.
struct Pushes<'a> {
    world: &'a World,
    commit: String,
    number: usize,
}

impl<'a> Pushes<'a> {
    fn new(world: &'a World) -> Self {
        Self { world, commit: commits(world, 1).remove(0), number: 0 }
    }

    /// Pushes another branch; its name, whether it was let in, and what was told. It is let in with its record, or not at all.
    #[track_caller]
    fn push(&mut self) -> (String, bool, String) {
        self.number += 1;
        let name = format!("refs/heads/b{}", self.number);
        let (accepted, told) = push(self.world, &[&format!("{}:{name}", self.commit)]);
        assert_eq!(self.world.server().join(&name).exists(), accepted, "{told}");
        if accepted {
            let is_it = |record: &Value| record["ref"] == *name && record["verdict"] == "accepted";
            assert!(records(self.world).iter().any(is_it), "{name} was let in without a record: {told}");
        }
        (name, accepted, told)
    }
}

/// Lets each call fail in turn, in each way, until a push needs no more of them. How many there were; whether some pushes were
/// let in in spite of it.
fn at_every_call(pushes: &mut Pushes<'_>, before: impl Fn(&World), after: impl Fn(&World)) -> (usize, usize) {
    let (mut most, mut let_in) = (0, 0);
    for how in ALL {
        for at in 1.. {
            before(pushes.world);
            put_below(pushes.world, at, how);
            let (name, accepted, told) = pushes.push();
            let calls = calls(pushes.world);
            layer::whole(pushes.world);
            let reached = calls.len() >= at;
            if !reached {
                assert!(accepted, "{told}");
                most = most.max(calls.len());
                break;
            }
            let_in += usize::from(accepted);
            if accepted {
                assert!(matches!(how, How::Fails | How::NoRoom), "{how:?} at {}", calls[at - 1]);
            } else if matches!(how, How::Fails | How::NoRoom) {
                assert!(told.contains("countersign could not decide"), "{told}");
            }
            let (next, is_in, told) = pushes.push();
            assert!(is_in, "after {how:?} at {}: {told}", calls[at - 1]);
            let records = whole(pushes.world);
            let decided = |name: &str| records.iter().any(|record| record["ref"] == *name);
            assert!(decided(&next) && (decided(&name) || !accepted));
            after(pushes.world);
        }
    }
    (most, let_in)
}

#[test]
fn while_the_first_hook_makes_the_ledger() {
    let world = world();
    let (most, _) = at_every_call(&mut Pushes::new(&world), World::forget, |_| ());
    println!("making a ledger and the first push: {most} calls");
    assert!(most > 40, "{most}");
}

#[test]
fn while_a_push_is_settled_and_the_next_recorded() {
    let world = world();
    let mut pushes = Pushes::new(&world);
    pushes.push();
    // No hook told what became of the last one: this one finds it by its ref.
    let (most, _) = at_every_call(&mut pushes, |_| (), |_| ());
    println!("settling a push and recording another: {most} calls");
    assert!(most > 10, "{most}");
    // What was let in is found completed, what was not is open.
    let records = whole(&world);
    let states = states(&world);
    for (number, state) in &states[..states.len() - 1] {
        let name = records[usize::try_from(*number).unwrap()]["ref"].as_str().unwrap();
        let is_there = world.server().join(name).exists();
        assert_eq!(state, if is_there { "completed" } else { "open" }, "{name}");
    }
    assert!(states.iter().any(|(_, state)| state == "open"), "no record was made of a push that was then killed");
}
