//! All texts of an event, whichever fields they stand in.

use super::Event;

impl Event {
    /// Calls `each` with every text that the source gave, in the order of the WIT: names of attributes too, names of cases not.
    pub fn each_text<'a>(&'a self, mut each: impl FnMut(&'a str)) {
        macro_rules! visit {
            ($($name:ident: $kind:ident $bits:tt,)*) => {
                // Whole, so that a field that is not in the list does not compile: it is either added there, or the host's.
                let Event { $($name,)* id_is_derived: _, collected: _, correlation: _ } = self;
                $(texts_in::$kind($name, &mut each);)*
            };
        }
        event_codec::for_each_field!(visit);
    }

    /// Bytes of all its strings: what it weighs in a batch, give or take the names of its fields.
    pub fn bytes(&self) -> usize {
        let mut bytes = 0;
        self.each_text(|text| bytes += text.len());
        bytes
    }
}

/// The texts in each kind of field.
mod texts_in {
    use crate::{Activity, Outcome, Principal};

    pub fn text<'a>(text: &'a Option<String>, each: &mut impl FnMut(&'a str)) {
        text.as_deref().into_iter().for_each(each);
    }

    pub fn time<'a>(_: &i64, _: &mut impl FnMut(&'a str)) {}

    pub fn activity<'a>(_: &Activity, _: &mut impl FnMut(&'a str)) {}

    pub fn outcome<'a>(_: &Outcome, _: &mut impl FnMut(&'a str)) {}

    pub fn principal<'a>(principal: &'a Principal, each: &mut impl FnMut(&'a str)) {
        let Principal {
            name,
            id,
            display_name,
            kind: _,
        } = principal;
        each(name);
        text(id, each);
        text(display_name, each);
    }

    pub fn optional_principal<'a>(principal: &'a Option<Principal>, each: &mut impl FnMut(&'a str)) {
        if let Some(principal) = principal {
            self::principal(principal, each);
        }
    }

    pub fn texts<'a>(texts: &'a [String], each: &mut impl FnMut(&'a str)) {
        texts.iter().map(String::as_str).for_each(each);
    }

    pub fn pairs<'a>(pairs: &'a [(String, String)], each: &mut impl FnMut(&'a str)) {
        for (name, value) in pairs {
            each(name);
            each(value);
        }
    }
}
