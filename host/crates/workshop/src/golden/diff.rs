//! The lines in which two texts differ.

use std::fmt::Write;

use base::visible;

/// Lines of a context around a difference.
const CONTEXT: usize = 2;
/// Longer lines are cut in the middle of nowhere: the files hold them whole.
const LINE_CHARS: usize = 400;
/// Pairs of lines that are compared at most; beyond that only what is the same at both ends is found.
const PAIRS: usize = 4_000_000;

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Both,
    Expected,
    CheckOutcome,
}

/// `-` before a line that is expected only, `+` before one that was found only, with two lines around each.
pub fn diff(expected: &str, found: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), found.lines().collect());
    let steps = steps(&old, &new);
    let near = |place: usize| {
        let from = place.saturating_sub(CONTEXT);
        let around = steps.iter().skip(from).take(place - from + CONTEXT + 1);
        around.into_iter().any(|(side, _)| *side != Side::Both)
    };
    let (mut text, mut left_out) = (String::new(), false);
    for (place, (side, line)) in steps.iter().enumerate() {
        if !near(place) {
            left_out = true;
            continue;
        }
        if std::mem::take(&mut left_out) {
            text.push_str("  …\n");
        }
        let mark = match side {
            Side::Both => ' ',
            Side::Expected => '-',
            Side::CheckOutcome => '+',
        };
        let _ = writeln!(text, "{mark} {}", shown(line));
    }
    if text.is_empty() {
        text.push_str("  only in white space or line ends\n");
    }
    text
}

/// A file's line may hold what moves a cursor.
fn shown(line: &str) -> String {
    let mut shown: String = line
        .chars()
        .take(LINE_CHARS)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    shown = visible::shown(&shown).into_owned();
    if line.chars().nth(LINE_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// The longest common subsequence, walked from the front.
fn steps<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(Side, &'a str)> {
    let front = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (
        old.get(front..).unwrap_or_default(),
        new.get(front..).unwrap_or_default(),
    );
    let back = old_rest
        .iter()
        .rev()
        .zip(new_rest.iter().rev())
        .take_while(|(old, new)| old == new)
        .count();
    let old_mid = old_rest.get(..old_rest.len() - back).unwrap_or_default();
    let new_mid = new_rest.get(..new_rest.len() - back).unwrap_or_default();

    let mut steps: Vec<_> = old.iter().take(front).map(|line| (Side::Both, *line)).collect();
    let width = new_mid.len() + 1;
    let mut longest = Vec::new();
    if old_mid.len().saturating_mul(width) <= PAIRS {
        longest = vec![0_u32; (old_mid.len() + 1) * width];
    }
    let at = |longest: &[u32], row: usize, column: usize| longest.get(row * width + column).copied().unwrap_or(0);
    if !longest.is_empty() {
        for (row, old) in old_mid.iter().enumerate().rev() {
            for (column, new) in new_mid.iter().enumerate().rev() {
                let length = if old == new {
                    at(&longest, row + 1, column + 1) + 1
                } else {
                    at(&longest, row + 1, column).max(at(&longest, row, column + 1))
                };
                if let Some(cell) = longest.get_mut(row * width + column) {
                    *cell = length;
                }
            }
        }
    }
    let (mut row, mut column) = (0, 0);
    loop {
        match (old_mid.get(row), new_mid.get(column)) {
            (Some(old), Some(new)) if old == new => {
                steps.push((Side::Both, old));
                (row, column) = (row + 1, column + 1);
            }
            (Some(old), new) if new.is_none() || at(&longest, row + 1, column) >= at(&longest, row, column + 1) => {
                steps.push((Side::Expected, old));
                row += 1;
            }
            (_, Some(new)) => {
                steps.push((Side::CheckOutcome, new));
                column += 1;
            }
            _ => break,
        }
    }
    steps.extend(old.iter().skip(old.len() - back).map(|line| (Side::Both, *line)));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_line_is_shown_with_the_lines_around_it() {
        assert_eq!(
            diff("1\n2\n3\n4\n5\n6\n7\n", "1\n2\n3\nfour\n5\n6\n7\n"),
            "  …\n  2\n  3\n- 4\n+ four\n  5\n  6\n"
        );
    }

    #[test]
    fn lines_that_were_added_or_taken_away_are_shown_alone() {
        assert_eq!(diff("a\nb\n", "a\nx\nb\n"), "  a\n+ x\n  b\n");
        assert_eq!(diff("a\nb\n", "b\n"), "- a\n  b\n");
        assert_eq!(diff("", "a\n"), "+ a\n");
        assert_eq!(diff("a\n", ""), "- a\n");
        assert_eq!(diff("a\n", "a"), "  only in white space or line ends\n");
    }

    #[test]
    fn what_moves_a_cursor_is_not_shown_and_huge_texts_end() {
        assert_eq!(diff("", "\u{1b}[2J"), "+ \u{fffd}[2J\n");
        let many = |word: &str| (0..5000).map(|n| format!("{word}{n}\n")).collect::<String>();
        assert_eq!(diff(&many("a"), &many("b")).lines().count(), 10_000);
    }
}
