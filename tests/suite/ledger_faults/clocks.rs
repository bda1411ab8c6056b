//! A clock that goes back, or ahead.

use super::*;

#[test]
fn a_clock_that_was_set_back_does_not_take_time_back() {
    let world = world();
    hook(&world, &world.server(), "post-receive", "hook post-receive");
    let commits = commits(&world, 3);
    accepts(&world, &[&format!("{}:refs/heads/main", commits[0])]);
    layer::set_clock_ahead(&world, -86_400);
    accepts(&world, &[&format!("{}:refs/heads/main", commits[1])]);
    layer::take_away(&world);
    accepts(&world, &[&format!("{}:refs/heads/main", commits[2])]);
    let records = whole(&world);
    let decisions = of_type(&records, "decision");
    let latest =
        records.iter().rev().find(|record| record["number"].as_u64() < decisions[1]["number"].as_u64()).unwrap();
    assert_eq!(decisions[1]["clock-behind"], latest["time"], "the latest moment that was recorded");
    assert!(decisions[1]["time"].as_str() < decisions[0]["time"].as_str());
    assert_eq!((decisions[0].get("clock-behind"), decisions[2].get("clock-behind")), (None, None));
    // What was received then was received at the moment that counts.
    let times: Vec<i64> = {
        let database = database(&world);
        let mut select = database.prepare("SELECT time FROM receipt ORDER BY number").unwrap();
        let times = select.query_map([], |row| row.get(0)).unwrap();
        times.map(Result::unwrap).collect()
    };
    assert!(times.len() == 3 && times.is_sorted(), "{times:?}");
    assert!(states(&world).iter().all(|(_, state)| state == "completed"));
}

/// Back or far ahead, a push that git did is completed, and one that it may still do has not failed.
#[test]
fn a_clock_that_jumps_fails_nothing_that_was_done() {
    for jump in [-86_400, 86_400] {
        let world = world();
        let commits = commits(&world, 2);
        accepts(&world, &[&format!("{}:refs/heads/main", commits[0])]);
        layer::set_clock_ahead(&world, jump);
        accepts(&world, &[&format!("{}:refs/heads/main", commits[1])]);
        assert_eq!(states(&world)[0].1, "completed", "{jump}");
        whole(&world);
    }
}
