//! The end of windows that fail.

use super::Windows;
use super::finality::is_final;
use sink::in_one_line;

impl Windows<'_> {
    /// Ends what is under way because the run ends. A window that has failed for good is given up; all others stay in flight.
    pub(super) async fn give_up_failed(&mut self) {
        let book = &self.pipeline.keeping.book;
        for (window, error) in self.ahead.let_go().await {
            let reason = in_one_line(&error);
            tracing::warn!(window = %window.name, "{reason}");
            if is_final(&error, &window)
                && let Err(error) = book.give_up(&window.name, reason).await
            {
                tracing::warn!(window = %window.name, "{}", in_one_line(&error));
            }
        }
    }
}
