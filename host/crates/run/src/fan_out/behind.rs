//! Sinks that a run leaves behind: [`SinkBehind`].

use std::fmt;

use jiff::Timestamp;

use base::counted::counted;

/// A sink that has not got what other sinks of its stream have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkBehind {
    /// The sink's name.
    pub name: String,
    /// Windows that wait for it.
    pub windows: usize,
    /// The clock of the run that began the oldest of them.
    pub since: Option<Timestamp>,
    /// The reason why the run did not deliver these windows, where that is known.
    pub reason: Option<String>,
}

impl fmt::Display for SinkBehind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sink {} ", self.name)?;
        match self.since {
            Some(since) => write!(
                f,
                "is behind: {} since {}",
                counted(self.windows, "window waits for it", "windows wait for it"),
                since.strftime("%Y-%m-%dT%H:%M:%SZ")
            )?,
            None => f.write_str("still has a place in the stream")?,
        }
        match &self.reason {
            Some(reason) => write!(f, " ({reason})"),
            None => Ok(()),
        }
    }
}

/// The sinks that are behind, and what the others have, in one line.
pub(crate) fn lagging(sinks: &[SinkBehind], others: &[String], up_to: Option<Timestamp>) -> String {
    let each: Vec<String> = sinks.iter().map(SinkBehind::to_string).collect();
    let each = each.join("; ");
    match up_to {
        Some(up_to) if !others.is_empty() => {
            let have = if others.len() == 1 { "has" } else { "have" };
            let up_to = up_to.strftime("%Y-%m-%dT%H:%M:%SZ");
            format!("{each}; {} {have} everything up to {up_to}", others.join(", "))
        }
        _ => each,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_and_what_others_have_is_said() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let behind = |windows: usize, reason: Option<&str>| SinkBehind {
            name: "siem".into(),
            windows,
            since: (windows > 0).then(|| at("2026-03-05T22:00:00Z")),
            reason: reason.map(str::to_owned),
        };
        let others = ["archive".to_owned(), "hec".to_owned()];
        assert_eq!(
            lagging(&[behind(2, Some("busy"))], &others, Some(at("2026-03-06T00:00:00Z"))),
            "sink siem is behind: 2 windows wait for it since 2026-03-05T22:00:00Z (busy); archive, hec have everything up to \
             2026-03-06T00:00:00Z"
        );
        assert_eq!(
            lagging(&[behind(0, Some("no route leads to it any more"))], &[], None),
            "sink siem still has a place in the stream (no route leads to it any more)"
        );
    }
}
