//! The list of an event's fields.

/// Calls a macro with the list of an event's fields: those of the record `event` in `wit/events.wit`, in its order. Each is a
/// name, its kind, and the bits that it has in an event's head in the packed layout.
///
/// | kind | what it is | its bits |
/// |---|---|---|
/// | `text` | a text that may be missing | whether it is there |
/// | `time` | milliseconds since 1970-01-01T00:00:00Z | none |
/// | `activity` | a case of the enum of that name | the first of the eight that hold its place among the cases |
/// | `outcome` | a case of the enum of that name | the first of the four that hold its place among the cases |
/// | `principal` | a user, group or service | whether its `id` is there, and its `display_name`; the first of the two that hold its `kind` |
/// | `optional_principal` | one that may be missing | whether it is there, and the same |
/// | `texts` | a list of texts | none |
/// | `pairs` | a list of names and values | none |
///
/// Whatever is done with every field is a macro that takes the list, mostly with a function for each kind:
///
/// ```
/// struct Event { id: Option<String>, labels: Vec<String>, /* ... */ }
///
/// fn names() -> Vec<&'static str> {
///     macro_rules! names {
///         ($($name:ident: $kind:ident $bits:tt,)*) => { vec![$(stringify!($name)),*] };
///     }
///     event_codec::for_each_field!(names)
/// }
/// assert_eq!(names().first(), Some(&"id"));
/// assert_eq!(names().last(), Some(&"attributes"));
/// ```
///
/// A field that is added goes before `labels` and takes the next free bit. Bits never change: plugins in use have them.
#[macro_export]
macro_rules! for_each_field {
    ($then:ident) => {
        $then! {
            id: text(16),
            time: time(),
            activity: activity(0),
            outcome: outcome(8),
            subject: principal(17, 18, 12),
            actor: optional_principal(19, 20, 21, 14),
            target: text(22),
            source_ip: text(23),
            user_agent: text(24),
            session: text(25),
            service: text(26),
            action: text(27),
            code: text(28),
            message: text(29),
            labels: texts(),
            attributes: pairs(),
        }
    };
}

/// Below this bit are the places of the activity, the outcome and the kinds of both principals.
const FIRST_FLAG: u32 = 16;

/// The bits that the list names, in its order.
const BITS: &[u32] = {
    macro_rules! bits {
        ($($name:ident: $kind:ident($($bit:literal),*),)*) => { &[$($($bit,)*)*] };
    }
    for_each_field!(bits)
};

/// The bits of a head that mean something.
pub(crate) const MEANINGFUL: u32 = {
    let (mut meaningful, mut next, mut rest) = ((1 << FIRST_FLAG) - 1, FIRST_FLAG, BITS);
    while let [bit, after @ ..] = rest {
        if *bit >= FIRST_FLAG {
            assert!(*bit == next, "the bits of the list do not follow each other");
            meaningful |= 1 << *bit;
            next += 1;
        }
        rest = after;
    }
    meaningful
};

#[cfg(test)]
mod tests {
    use alloc::{format, string::String, vec::Vec};

    /// The fields of a record of the WIT: name and type, in their order.
    fn record(wit: &str, name: &str) -> Vec<(String, String)> {
        let (_, after) = wit.split_once(&format!("record {name} {{\n")).unwrap();
        let (fields, _) = after.split_once("\n  }").unwrap();
        let fields = fields.lines().map(str::trim).filter(|line| !line.starts_with("///"));
        let fields = fields.filter_map(|line| line.trim_end_matches(',').split_once(": "));
        fields
            .map(|(name, kind)| (name.replace('-', "_"), kind.into()))
            .collect()
    }

    #[test]
    fn the_list_is_the_record_of_the_wit() {
        macro_rules! listed {
            ($($name:ident: $kind:ident $bits:tt,)*) => { [$((stringify!($name), stringify!($kind))),*] };
        }
        let listed = for_each_field!(listed).map(|(name, kind)| {
            let wit = match kind {
                "text" => "option<string>",
                "time" => "timestamp",
                "optional_principal" => "option<principal>",
                "texts" => "list<string>",
                "pairs" => "list<tuple<string, string>>",
                same => same,
            };
            (name.into(), wit.into())
        });
        let wit = include_str!("../../../../wit/events.wit");
        assert_eq!(record(wit, "event"), listed);
    }

    #[test]
    fn bits_are_those_that_plugins_in_use_have() {
        assert_eq!(
            super::BITS,
            [16, 0, 8, 17, 18, 12, 19, 20, 21, 14, 22, 23, 24, 25, 26, 27, 28, 29]
        );
        assert_eq!(super::MEANINGFUL, (1 << 30) - 1);
    }
}
