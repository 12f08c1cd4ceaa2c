//! The changes that a run makes durable, by name: the places at which tests end the process.

/// Makes an enum of changes, and a list of all of them that cannot lack one.
macro_rules! durable_changes {
    ($($(#[$doc:meta])+ $change:ident = $word:literal,)+) => {
        /// A change that outlives the process once it is made. A run may end before each and after each, and the next one
        /// carries on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum DurableChange {
            $($(#[$doc])+ $change,)+
        }

        impl DurableChange {
            /// Every change there is.
            pub const ALL: &'static [DurableChange] = &[$(DurableChange::$change),+];

            /// The change's name, as in `HOST_FAILPOINT=NAME.before:0`.
            pub const fn word(self) -> &'static str {
                match self {
                    $(DurableChange::$change => $word,)+
                }
            }
        }
    };
}

durable_changes! {
    /// The stream's record says where it is collected from and for whom.
    Facts = "facts",
    /// The stream's record is written anew as it is, so that no other process can change it.
    Renewed = "renewed",
    /// The stream has a first instant.
    Begun = "begun",
    /// A period is lost: the server no longer has it.
    Lost = "lost",
    /// A window is in flight; or a fetch of it is as before, because its submission made no job.
    Planned = "planned",
    /// The window's fetches are known.
    Fetches = "fetches",
    /// A job is about to be submitted.
    Submitting = "submitting",
    /// A job exists.
    Submitted = "submitted",
    /// A job was still running when it was asked.
    Waiting = "waiting",
    /// A job has ended, and its files are known.
    Ready = "ready",
    /// A document is kept as evidence, with its line in the manifest.
    Evidence = "evidence",
    /// A document has its name in the spool.
    Keep = "keep",
    /// The record names the document in the spool.
    Spooled = "spooled",
    /// Sinks may have events of the window.
    Delivering = "delivering",
    /// Rejected rows of a document are kept.
    Rejects = "rejects",
    /// A sink has answered for a batch.
    Checkpoint = "mark",
    /// A sink is about to give a file its name.
    Intent = "intent",
    /// A sink's file has its name.
    Sealed = "sealed",
    /// A write that a sink was about to do when an earlier run ended is known to have happened, or not.
    Looked = "looked",
    /// The ids of events are written, and no record names them yet.
    Ids = "ids",
    /// Windows are covered.
    Committed = "committed",
    /// Windows are delivered in part: some sinks have them, and they wait for the others.
    InPart = "in-part",
    /// Sinks have windows that waited for them; others still have not.
    Answered = "answered",
    /// A window that waits for a sink is to be fetched once more, under another name.
    Anew = "anew",
    /// Ids that no record names are removed.
    Forget = "forget",
    /// A document that no window needs is removed from the spool.
    Sweep = "sweep",
    /// A window is given up.
    Dead = "dead",
    /// A window that waited for a sink can never be delivered to it.
    LostFor = "lost-for",
    /// A sink is owed nothing any more.
    Dropped = "dropped",
    /// Lost periods were told of.
    Told = "told",
}

impl DurableChange {
    /// Where tests end the process before the change is made.
    pub(crate) fn before(self) {
        base::failpoint!("{}.before", self.word());
    }

    /// Where tests end the process once the change is made.
    pub(crate) fn after(self) {
        base::failpoint!("{}.after", self.word());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_changes_have_one_name() {
        let words: HashSet<_> = DurableChange::ALL.iter().map(|change| change.word()).collect();
        assert_eq!(words.len(), DurableChange::ALL.len());
    }
}
