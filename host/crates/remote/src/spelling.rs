//! The ways a text may be written: as it is, or with any of its characters as URLs, JSON, programs and web pages escape them. Writers
//! differ in what they escape besides what they must, so each character is looked at by itself.

/// The bytes that an escape begins with.
pub(super) const STARTS: [u8; 4] = [b'%', b'\\', b'&', b'+'];

/// The most bytes that a byte of a text may take: two escaped halves of a character.
pub(super) const MOST_FOR_A_BYTE: usize = 2 * (BACKSLASHES + 5);

/// The number of backslashes that may stand where one is meant, as in JSON that is a text in JSON.
const BACKSLASHES: usize = 4;

/// The number of times that a `%` may have been encoded again.
const LAYERS: usize = 2;

/// The longest reference to a character in a web page, from `&` to `;`.
const REFERENCE: usize = 10;

/// The place where a text was found.
pub(super) struct Found {
    /// The numbers of bytes that the text takes, in each way to read them.
    pub(super) lengths: Vec<usize>,
    /// True if the bytes end before the text does.
    pub(super) may_go_on: bool,
}

/// The text at the beginning of the bytes.
pub(super) fn of(text: &str, bytes: &[u8]) -> Found {
    let alike = text.as_bytes().iter().zip(bytes);
    let alike = alike.take_while(|(byte, there)| byte == there && !STARTS.contains(there));
    let begun = text.floor_char_boundary(alike.count());
    let mut reached = Vec::new();
    let mut may_go_on = false;
    let mut characters = text.get(begun..).unwrap_or_default().chars();
    match characters.next() {
        None => reached.push(begun),
        Some(c) => may_go_on |= step(c, bytes, begun, &mut reached),
    }
    for c in characters {
        if reached.is_empty() {
            break;
        }
        let mut next = Vec::with_capacity(reached.len());
        for at in reached {
            may_go_on |= step(c, bytes, at, &mut next);
        }
        reached = next;
    }
    Found {
        lengths: reached,
        may_go_on,
    }
}

/// Adds where a character ends that begins at a place; says whether the bytes end within it.
fn step(c: char, bytes: &[u8], at: usize, ends: &mut Vec<usize>) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    let mut add = |length: usize| {
        if !ends.contains(&(at + length)) {
            ends.push(at + length);
        }
    };
    let mut buffer = [0; 4];
    let plain = c.encode_utf8(&mut buffer).as_bytes();
    if rest.starts_with(plain) {
        add(plain.len());
    }
    match rest.first() {
        None => return true,
        Some(b'+') if c == ' ' => add(1),
        Some(b'%') => percent(plain, rest, &mut add),
        Some(b'\\') => backslash(c, rest, &mut add),
        Some(b'&') => reference(c, rest, &mut add),
        Some(_) => {}
    }
    is_cut(rest) || (plain.starts_with(rest) && rest.len() < plain.len())
}

/// True if there is the beginning of an escape and no more.
fn is_cut(rest: &[u8]) -> bool {
    let are_digits = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    match rest {
        [b'%', digits @ ..] => {
            let coded = digits.chunks(2).take_while(|pair| *pair == b"25").count().min(LAYERS);
            digits
                .get(2 * coded..)
                .is_some_and(|left| left.len() < 2 && are_digits(left))
        }
        [b'\\', ..] => {
            let run = rest.iter().take(BACKSLASHES).take_while(|byte| **byte == b'\\').count();
            match rest.get(run..).unwrap_or_default() {
                [] => true,
                [b'x', digits @ ..] => digits.len() < 2 && are_digits(digits),
                [b'u', digits @ ..] => match digits.split_at_checked(4) {
                    None => are_digits(digits),
                    // The first half of a character that takes two.
                    Some((half, after)) => {
                        matches!(half, [b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B', ..])
                            && (after.is_empty() || is_cut(after))
                    }
                },
                _ => false,
            }
        }
        [b'&', name @ ..] => {
            name.len() < REFERENCE && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'#')
        }
        _ => false,
    }
}

/// Each byte as a `%` and two digits, the `%` perhaps encoded again.
fn percent(plain: &[u8], rest: &[u8], add: &mut impl FnMut(usize)) {
    for layers in 0..=LAYERS {
        let width = 3 + 2 * layers;
        let is_there = plain.iter().zip(rest.chunks_exact(width)).filter(|(byte, written)| {
            let after = written.strip_prefix(b"%");
            let digits = (0..layers).fold(after, |after, _| after?.strip_prefix(b"25"));
            digits.and_then(hex) == Some(u32::from(**byte))
        });
        if is_there.count() == plain.len() {
            add(plain.len() * width);
        }
    }
}

fn backslash(c: char, rest: &[u8], add: &mut impl FnMut(usize)) {
    let run = rest.iter().take(BACKSLASHES).take_while(|byte| **byte == b'\\').count();
    if c == '\\' {
        (2..=run).for_each(&mut *add);
    }
    let after = rest.get(run..).unwrap_or_default();
    let Some((kind, digits)) = after.split_first() else {
        return;
    };
    let control = match kind {
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        kind => char::from(*kind),
    };
    if control == c && !c.is_alphanumeric() {
        add(run + 1);
    }
    match kind {
        b'x' if digits.get(..2).and_then(hex) == Some(c.into()) => add(run + 3),
        b'u' => {
            let mut units = [0; 2];
            let units = c.encode_utf16(&mut units);
            let width = run + 5;
            let is_there = units.iter().zip(rest.chunks_exact(width)).filter(|(unit, written)| {
                let (slashes, after) = written.split_at_checked(run).unwrap_or_default();
                let digits = after.strip_prefix(b"u").and_then(hex);
                slashes.iter().all(|byte| *byte == b'\\') && digits == Some(u32::from(**unit))
            });
            if is_there.count() == units.len() {
                add(units.len() * width);
            }
        }
        _ => {}
    }
}

/// A reference of HTML: `&amp;`, `&#38;`, `&#x26;`.
fn reference(c: char, rest: &[u8], add: &mut impl FnMut(usize)) {
    let Some(end) = rest.iter().take(REFERENCE).position(|byte| *byte == b';') else {
        return;
    };
    let name = rest.get(1..end).and_then(|name| std::str::from_utf8(name).ok());
    let named = match name.unwrap_or_default() {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        name => name.strip_prefix('#').and_then(|number| {
            let number = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(number.ok()?)
        }),
    };
    if named == Some(c) {
        add(end + 1);
    }
}

/// A number in hexadecimal digits of either case, and nothing else.
fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |number, digit| {
        Some(number.checked_mul(16)? + char::from(*digit).to_digit(16)?)
    })
}
