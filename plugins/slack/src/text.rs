//! Text that Slack shows as it is.

/// The longest text of a block, and the most blocks of a message.
const TEXT_CHARS: usize = 3000;
const BLOCKS: usize = 50;
/// The characters of a name that are shown.
const NAME_CHARS: usize = 80;
/// Between the characters of what would otherwise be a mention or a link.
const BREAK: char = '\u{200b}';

/// A name that somebody else chose, as code: no bold, no emoji, no mention, no link, and no way out of the code.
pub fn name(text: &str) -> String {
    let plain = plain(text);
    let shown: String = match plain.chars().count() {
        0..=NAME_CHARS => plain,
        _ => plain.chars().take(NAME_CHARS - 1).chain(['…']).collect(),
    };
    match shown.trim() {
        "" => "`?`".into(),
        shown => format!("`{}`", escape(shown)),
    }
}

/// `&`, `<` and `>` are the three characters that Slack has escaped; without `<` there is no `<!channel>` and no
/// `<https://…|label>`. What clients make mentions and links of without brackets is broken up; a mail address is not.
pub fn escape(text: &str) -> String {
    let mut escaped = String::new();
    let mut before = ' ';
    for (place, c) in text.char_indices() {
        let after = text.get(place + c.len_utf8()..).unwrap_or_default();
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '`' => escaped.push('\''),
            '@' | '#' if !before.is_alphanumeric() || addresses_all(after) => escaped.extend([c, BREAK]),
            ':' if after.starts_with('/') => escaped.extend([c, BREAK]),
            c => escaped.push(c),
        }
        before = c;
    }
    escaped
}

/// The words that ping everybody after an `@`.
fn addresses_all(text: &str) -> bool {
    ["channel", "here", "everyone"].iter().any(|word| {
        text.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
    })
}

/// One line, without what is invisible or turns the direction of writing around.
fn plain(text: &str) -> String {
    let shown = |c: char| match c {
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(shown).collect()
}

/// Lines of sections as the texts of blocks: a section that is too long goes on in another block, and what has no room
/// in the message is left out.
pub fn fitting(sections: Vec<Vec<String>>) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for section in sections {
        let mut text = String::new();
        for line in section {
            let line: String = line.chars().take(TEXT_CHARS).collect();
            if !text.is_empty() && text.chars().count() + 1 + line.chars().count() > TEXT_CHARS {
                texts.push(std::mem::take(&mut text));
            }
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&line);
        }
        if !text.is_empty() {
            texts.push(text);
        }
    }
    texts.truncate(BLOCKS);
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_pings_links_or_formats() {
        for (typed, shown) in [
            ("jdoe@example.com", "`jdoe@example.com`"),
            ("jdoe@channel", "`jdoe@\u{200b}channel`"),
            ("<!channel>", "`&lt;!channel&gt;`"),
            ("@here", "`@\u{200b}here`"),
            ("#general", "`#\u{200b}general`"),
            ("https://evil.example/", "`https:\u{200b}//evil.example/`"),
            ("a` *12 succeeded*", "`a' *12 succeeded*`"),
            ("a\n*fine*", "`a\u{fffd}*fine*`"),
            ("\u{202e}x", "`\u{fffd}x`"),
            ("&lt;", "`&amp;lt;`"),
            ("  ", "`?`"),
        ] {
            assert_eq!(name(typed), shown);
        }
        assert!(name(&"x".repeat(500)).ends_with("x…`"));
    }

    #[test]
    fn texts_and_blocks_keep_slacks_limits() {
        let texts = fitting(vec![vec!["é".repeat(1000); 10], vec![], vec!["x".repeat(9000)]]);
        assert_eq!(texts.len(), 6);
        assert!(texts.iter().all(|text| text.chars().count() <= TEXT_CHARS));
        assert_eq!(fitting(vec![vec!["x".into()]; 80]).len(), BLOCKS);
    }
}
