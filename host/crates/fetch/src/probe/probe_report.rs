//! The findings about a connection that can be used.

use super::fact::Fact;
use crate::identity_domain::domain_id::DomainId;
use crate::identity_domain::newest_event::NewestEvent;

/// The findings about a connection that can be used.
#[derive(Debug, Default)]
pub struct ProbeReport {
    /// The steps that went well.
    pub steps: Vec<String>,
    /// The facts that could be seen, and that could not.
    pub facts: Vec<Fact>,
    /// The newest event of an identity domain, where it is known to be looked for.
    pub newest: Option<NewestEvent>,
    /// The domain that was asked.
    pub domain: Option<DomainId>,
    /// True where the server was not asked for anything.
    pub asked_nobody: bool,
}

impl ProbeReport {
    /// A report of a service of which nothing but these steps is known.
    pub(crate) fn of_steps<const N: usize>(steps: [&str; N]) -> ProbeReport {
        ProbeReport {
            steps: steps.map(str::to_owned).into(),
            ..ProbeReport::default()
        }
    }
}
