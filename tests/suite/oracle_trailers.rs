//! Trailers, read here and by `git interpret-trailers --parse`, over messages of every make.

use crate::support::{Dice, World, run_well};
use countersign::policy::trailers::trailers;

/// What decides: blank and other lines, continuations, comments, git's own trailers and others, what git cuts off.
const LINES: &[&str] = &[
    "",
    "",
    "Subject line",
    "Words: with a colon",
    "words without",
    "Signed-off-by: Alice <a@x>",
    "signed-off-by:Bob <b@x>",
    "Signed-off-by : Carol <c@x>",
    "Signed off by: Dave <d@x>",
    "Reviewed-by: Erin",
    "(cherry picked from commit 0123456)",
    "\tcontinued",
    "  Signed-off-by: Indented <i@x>",
    "# comment",
    "   ",
    "---",
    ": no key",
    "Conflicts:",
    "\tpath",
    "# ------------------------ >8 ------------------------",
    "Fixes #12",
    "caf\u{e9}: x",
];

#[test]
fn git_finds_the_same_trailers() {
    let world = World::new();
    let mut dice = Dice(7);
    let mut with_trailers = 0;
    for _ in 0..400 {
        let count = dice.below(9) + 1;
        let lines: Vec<&str> = (0..count).map(|_| LINES[dice.below(LINES.len())]).collect();
        let message = lines.join("\n") + "\n";
        let mut command = world.command("git", &world.clone_path());
        command.args(["interpret-trailers", "--parse", "--no-divider"]);
        let theirs = run_well(command, message.as_bytes());
        let ours: String = trailers(message.as_bytes())
            .iter()
            .map(|found| [found.key, b": ", &found.value, b"\n"].concat())
            .map(|line| String::from_utf8(line).unwrap())
            .collect();
        // Git's words for one without a value end in a space.
        let trimmed = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        assert_eq!(trimmed(&ours), trimmed(&theirs), "{message:?}");
        with_trailers += usize::from(!ours.is_empty());
    }
    assert!(with_trailers > 40, "{with_trailers}");
}
