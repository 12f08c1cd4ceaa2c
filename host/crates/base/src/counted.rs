//! Numbers before nouns, in messages for people.

use std::fmt::Display;

/// A number and what there is so many of: `1 row`, `0 rows`, `12 rows`. The verb, where there is one, goes with the noun.
pub fn counted(count: impl Display, one: &str, more: &str) -> String {
    match count.to_string().as_str() {
        "1" => format!("1 {one}"),
        count => format!("{count} {more}"),
    }
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn only_one_is_singular() {
        for (count, text) in [
            (0, "0 rows are"),
            (1, "1 row is"),
            (2, "2 rows are"),
            (11, "11 rows are"),
        ] {
            assert_eq!(counted(count, "row is", "rows are"), text);
        }
    }
}
