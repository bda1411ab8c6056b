//! The valid spelling that a misspelt word resembles.

/// Longer words are no keys, and the distance of long texts costs their product.
const LONGEST: usize = 64;

/// The known word with the fewest mistakes between it and `word`: at most one in three characters. Upper case, and `_`
/// for `-`, are no mistakes. The first of several.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if word.len() > LONGEST {
        return None;
    }
    let word = normal(word);
    known
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .filter_map(|candidate| {
            let normal = normal(candidate);
            let distance = distance(&word, &normal);
            (distance <= (word.len().max(normal.len()) / 3).max(1)).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn normal(word: &str) -> Vec<char> {
    word.chars().flat_map(char::to_lowercase).map(|character| if character == '_' { '-' } else { character }).collect()
}

/// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (row, &x) in a.iter().enumerate() {
        let mut next = vec![row + 1];
        let mut left_character = None;
        for (column, &y) in b.iter().enumerate() {
            let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX - 1);
            let mut best = (at(&last, column) + usize::from(x != y)).min(at(&last, column + 1) + 1);
            best = best.min(at(&next, column) + 1);
            if previous == Some(y) && left_character == Some(x) && column > 0 {
                best = best.min(at(&before_last, column - 1) + 1);
            }
            next.push(best);
            left_character = Some(y);
        }
        before_last = std::mem::replace(&mut last, next);
        previous = Some(x);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 6] = ["refs", "except-refs", "repositories", "mode", "by", "warn-until"];

    #[test]
    fn a_slip_finds_its_key() {
        for (word, key) in [
            ("ref", "refs"),
            ("erfs", "refs"),
            ("Except_Refs", "except-refs"),
            ("repositores", "repositories"),
            ("warnuntil", "warn-until"),
            ("MODE", "mode"),
            ("bye", "by"),
        ] {
            assert_eq!(nearest(word, KEYS), Some(key), "{word}");
        }
    }

    #[test]
    fn another_word_finds_nothing() {
        for word in ["colour", "", "x", "reviews", &"refs".repeat(100)] {
            assert_eq!(nearest(word, KEYS), None, "{word}");
        }
    }

    #[test]
    fn distances_are_those_of_the_definition() {
        let between = |a: &str, b: &str| distance(&normal(a), &normal(b));
        assert_eq!(between("", "abc"), 3);
        assert_eq!(between("kitten", "sitting"), 3);
        assert_eq!(between("ab", "ba"), 1);
        assert_eq!(between("same", "same"), 0);
    }
}
