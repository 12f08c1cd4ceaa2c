//! Reads queries of the search of logs, by recursive descent.

use serde_json::Value;

use super::query::{LogComparison, LogCondition, LogQuery};

/// Parentheses and `not` inside one another.
const DEPTH: usize = 32;

/// Reads a query; an error says what is wrong and where.
pub(super) fn read(text: &str) -> Result<LogQuery, String> {
    let mut reader = QueryReader { text, at: 0 };
    let query = reader.query()?;
    reader.spaces();
    if reader.rest().is_empty() {
        Ok(query)
    } else {
        Err(reader.expected("a stage"))
    }
}

struct QueryReader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> QueryReader<'t> {
    fn query(&mut self) -> Result<LogQuery, String> {
        if !self.word("search") {
            return Err(self.expected("`search`"));
        }
        let mut query = LogQuery {
            sources: vec![self.source()?],
            conditions: Vec::new(),
            descending: true,
        };
        while self.symbol(",") {
            query.sources.push(self.source()?);
        }
        while self.symbol("|") {
            if self.word("sort") {
                query.descending = self.sort()?;
            } else if self.word("select") {
                // A projection would be another shape of answer.
                if !self.symbol("*") {
                    return Err(self.expected("`*`: other projections are not supported"));
                }
            } else {
                self.word("where");
                query.conditions.push(self.any(0)?);
            }
        }
        Ok(query)
    }

    fn source(&mut self) -> Result<String, String> {
        self.spaces();
        self.quoted('"').ok_or_else(|| self.expected("a log in double quotes"))
    }

    /// True where the latest come first.
    fn sort(&mut self) -> Result<bool, String> {
        if !(self.word("by") && self.path().is_ok_and(|path| path == ["datetime"])) {
            return Err(self.expected("`by datetime`"));
        }
        if self.word("desc") {
            return Ok(true);
        }
        self.word("asc");
        Ok(false)
    }

    fn any(&mut self, depth: usize) -> Result<LogCondition, String> {
        let mut parts = vec![self.all(depth)?];
        while self.word("or") {
            parts.push(self.all(depth)?);
        }
        Ok(single(parts, LogCondition::Any))
    }

    fn all(&mut self, depth: usize) -> Result<LogCondition, String> {
        let mut parts = vec![self.one(depth)?];
        while self.word("and") {
            parts.push(self.one(depth)?);
        }
        Ok(single(parts, LogCondition::All))
    }

    fn one(&mut self, depth: usize) -> Result<LogCondition, String> {
        if depth > DEPTH {
            return Err(self.expected("fewer parentheses"));
        }
        if self.word("not") {
            return Ok(LogCondition::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.symbol("(") {
            let inner = self.any(depth + 1)?;
            if !self.symbol(")") {
                return Err(self.expected("`)`"));
            }
            return Ok(inner);
        }
        if self.word("isnotnull") {
            let is_null = LogCondition::Compare(self.argument()?, LogComparison::Equal, Value::Null);
            return Ok(LogCondition::Not(Box::new(is_null)));
        }
        if self.word("lower") {
            let path = self.argument()?;
            return Ok(LogCondition::Lower(Box::new(self.about(path)?)));
        }
        let path = self.path()?;
        self.about(path)
    }

    /// The field that a function is given.
    fn argument(&mut self) -> Result<Vec<String>, String> {
        if !self.symbol("(") {
            return Err(self.expected("`(`"));
        }
        let path = self.path()?;
        match self.symbol(")") {
            true => Ok(path),
            false => Err(self.expected("`)`")),
        }
    }

    /// The condition about a field.
    fn about(&mut self, path: Vec<String>) -> Result<LogCondition, String> {
        let negated = self.word("not");
        if self.word("in") {
            let within = LogCondition::In(path, self.list()?);
            return Ok(if negated {
                LogCondition::Not(Box::new(within))
            } else {
                within
            });
        }
        if negated {
            return Err(self.expected("`in`"));
        }
        let comparison = self.comparison()?;
        Ok(LogCondition::Compare(path, comparison, self.literal()?))
    }

    fn comparison(&mut self) -> Result<LogComparison, String> {
        for (text, comparison) in [
            ("!=", LogComparison::NotEqual),
            ("<>", LogComparison::NotEqual),
            ("<=", LogComparison::LessOrEqual),
            (">=", LogComparison::GreaterOrEqual),
            ("==", LogComparison::Equal),
            ("=", LogComparison::Equal),
            ("<", LogComparison::Less),
            (">", LogComparison::Greater),
        ] {
            if self.symbol(text) {
                return Ok(comparison);
            }
        }
        Err(self.expected("a comparison"))
    }

    fn list(&mut self) -> Result<Vec<Value>, String> {
        if !self.symbol("(") {
            return Err(self.expected("`(`"));
        }
        let mut literals = vec![self.literal()?];
        while self.symbol(",") {
            literals.push(self.literal()?);
        }
        if !self.symbol(")") {
            return Err(self.expected("`)`"));
        }
        Ok(literals)
    }

    fn literal(&mut self) -> Result<Value, String> {
        self.spaces();
        if let Some(text) = self.quoted('\'') {
            return Ok(Value::String(text));
        }
        for (word, value) in [
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("null", Value::Null),
        ] {
            if self.word(word) {
                return Ok(value);
            }
        }
        let number = self.taken(|c| c.is_ascii_digit() || "+-.".contains(c));
        let number = number.parse::<serde_json::Number>();
        number
            .map(Value::Number)
            .map_err(|_| self.expected("a text in single quotes or a number"))
    }

    /// A field: names with dots in between, those with spaces in double quotes; `logContent.` in front may be left out.
    fn path(&mut self) -> Result<Vec<String>, String> {
        let mut path = Vec::new();
        loop {
            self.spaces();
            let name = match self.quoted('"') {
                Some(name) => name,
                None => self
                    .taken(|c| c.is_ascii_alphanumeric() || "_-:".contains(c))
                    .to_owned(),
            };
            if name.is_empty() {
                return Err(self.expected("a field"));
            }
            path.push(name);
            if !self.rest().starts_with('.') {
                break;
            }
            self.at += 1;
        }
        if path.len() > 1 && path.first().is_some_and(|name| name == "logContent") {
            path.remove(0);
        }
        Ok(path)
    }

    /// A text in quotes, in which a doubled quote stands for one; none where none begins or it does not end.
    fn quoted(&mut self, quote: char) -> Option<String> {
        let mut text = String::new();
        let inner = self.rest().strip_prefix(quote)?;
        let mut characters = inner.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            if character != quote {
                text.push(character);
            } else if characters.next_if(|(_, next)| *next == quote).is_some() {
                text.push(quote);
            } else {
                self.at += at + 2;
                return Some(text);
            }
        }
        None
    }

    /// Takes a word in any case, where it stands alone.
    fn word(&mut self, word: &str) -> bool {
        self.spaces();
        let rest = self.rest();
        let fits = rest
            .get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
            && !rest
                .get(word.len()..)
                .is_some_and(|after| after.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.'));
        self.at += if fits { word.len() } else { 0 };
        fits
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        self.spaces();
        let fits = self.rest().starts_with(symbol);
        self.at += if fits { symbol.len() } else { 0 };
        fits
    }

    fn taken(&mut self, fits: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let length = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn expected(&self, what: &str) -> String {
        format!("{what} is expected at character {}", self.at)
    }
}

fn single(mut parts: Vec<LogCondition>, several: fn(Vec<LogCondition>) -> LogCondition) -> LogCondition {
    match parts.len() {
        1 => parts.remove(0),
        _ => several(parts),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// True if the one condition of a query holds for an event.
    fn holds(condition: &str) -> bool {
        let event = json!({
            "type": "com.oraclecloud.IdentitySignOn.InteractiveLogin", "datetime": 1_751_542_473_999_i64,
            "data": { "additionalDetails": { "eventId": "sso.session.create.success", "a b": "it's" }, "response": { "status": "404" } },
        });
        let query = read(&format!("search \"x/_Audit\" | {condition} | sort by datetime asc")).unwrap();
        assert!(!query.descending);
        query.conditions.iter().all(|condition| {
            condition.matches(&|path| {
                let mut value = &event;
                for name in path {
                    value = value.get(name)?;
                }
                Some(value.clone())
            })
        })
    }

    #[test]
    fn conditions_hold_as_they_are_written() {
        for (condition, expected) in [
            (
                "where data.additionalDetails.eventId = 'sso.session.create.success'",
                true,
            ),
            (
                "where data.additionalDetails.eventId = 'other' or data.additionalDetails.eventId='sso.session.create.success'",
                true,
            ),
            (
                "(type='com.oraclecloud.IdentitySignOn.InteractiveLogin') and (data.response.status='200')",
                false,
            ),
            (
                "where type = '*.InteractiveLogin' AND NOT (data.response.status in ('200', '201'))",
                true,
            ),
            ("where logContent.data.response.status not in ('404')", false),
            ("where data.response.status = 404 and datetime >= 1751542473999", true),
            ("where data.request.action != 'GET'", true),
            ("where data.request.action = null", true),
            ("where data.additionalDetails.\"a b\" = 'it''s'", true),
            ("select * | where false_field = true", false),
            ("where isnotnull(data.additionalDetails.eventId)", true),
            ("where isnotnull(data.request.action) or isnotnull( data.x )", false),
            (
                "where lower(type) = 'com.oraclecloud.identitysignon.interactivelogin'",
                true,
            ),
            ("where lower(type) in ('x', 'y')", false),
        ] {
            assert_eq!(holds(condition), expected, "{condition}");
        }
    }

    #[test]
    fn what_is_no_query_is_refused() {
        let nested = format!("search \"x\" | {}a = 1", "(".repeat(40));
        for text in [
            "",
            "where a = 'b'",
            "search x",
            "search \"x",
            "search \"x\" | where",
            "search \"x\" | where a",
            "search \"x\" | where a = b",
            "search \"x\" | where a = 'b",
            "search \"x\" | (a = 'b'",
            "search \"x\" | sort by id",
            "search \"x\" | select a",
            "search \"x\" | a in ()",
            "search \"x\" | isnotnull a",
            "search \"x\" | lower(a = 'b'",
            "search \"x\" nonsense",
            &nested,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
