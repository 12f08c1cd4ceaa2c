/// A mistake in a condition, and its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct ConditionError {
    /// The line in the condition and the column in that line, both from 1; none where the condition is not at fault.
    pub place: Option<(usize, usize)>,
    /// The mistake, in words.
    pub problem: String,
    /// The name that no event has, where that is what is wrong.
    pub unknown: Option<String>,
}
