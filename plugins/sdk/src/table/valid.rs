use crate::marks;

/// The part of a chunk that is known to be UTF-8, so that no byte is tested twice.
#[derive(Default)]
pub(super) struct Valid<'c> {
    text: &'c str,
    /// The number of bytes of the chunk behind it.
    behind: Option<usize>,
}

impl<'c> Valid<'c> {
    /// The valid text that `rest`, the end of the chunk, begins with.
    pub(super) fn from(&mut self, rest: &'c [u8]) -> &'c str {
        if self.behind.is_none_or(|behind| rest.len() <= behind) {
            self.text = marks::text(rest);
            self.behind = Some(rest.len() - self.text.len());
        }
        let behind = self.behind.unwrap_or_default();
        (self.text.len() + behind)
            .checked_sub(rest.len())
            .and_then(|start| self.text.get(start..))
            .unwrap_or_default()
    }
}
