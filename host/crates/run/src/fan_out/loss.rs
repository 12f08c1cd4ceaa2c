//! What an optional sink did not get, and no later run brings it: [`Loss`].

use std::fmt;

use base::counted::counted;

/// Events of a sink that is not required, neither delivered nor kept as dead letters. Their period counts as collected all
/// the same: nobody waits for such a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The sink's name.
    pub name: String,
    /// How many events.
    pub events: u64,
    /// Why, in one line.
    pub reason: String,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Loss { name, events, reason } = self;
        write!(
            f,
            "sink {name}: {} neither delivered nor stored: {reason}. {} lost for {name}.",
            counted(events, "event was", "events were"),
            match events {
                1 => "This event is".to_owned(),
                events => format!("These {events} events are"),
            }
        )
    }
}

/// All of them, in one line.
pub(crate) fn told(losses: &[Loss]) -> String {
    let losses: Vec<String> = losses.iter().map(Loss::to_string).collect();
    losses.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_is_said_as_lost() {
        let loss = |events| Loss {
            name: "chat".into(),
            events,
            reason: "no room".into(),
        };
        assert_eq!(
            told(&[loss(7), loss(1)]),
            "sink chat: 7 events were neither delivered nor stored: no room. These 7 events are lost for chat. \
             sink chat: 1 event was neither delivered nor stored: no room. This event is lost for chat."
        );
    }
}
