//! Windows that are asked for in stretches, so that no answer grows without bound.

use plugin_sdk::{Fault, Request, Timestamp, Window, time};

/// More stretches than this are a mistake in their length.
const MOST: usize = 1000;
const DAY_MS: i64 = 86_400_000;

/// The window of a request. `gone` says who keeps no event for longer than so many days.
///
/// # Errors
///
/// Where it is empty, or begins more than so many days ago.
pub fn window(request: &Request, retention: u16, gone: &str) -> Result<Window, Fault> {
    let Window { from, to } = request.window;
    if to <= from {
        return Err(Fault::invalid_request(
            "the window is empty: it ends where it starts, or before",
        ));
    }
    let today = request.now.div_euclid(DAY_MS).saturating_mul(DAY_MS);
    let earliest = today.saturating_sub(i64::from(retention) * DAY_MS);
    if from < earliest {
        let message = format!("the window starts more than {retention} days ago; {gone}");
        return Err(Fault::invalid_request(message).hint(format!("start it at {} or later", instant(earliest)?)));
    }
    Ok(Window { from, to })
}

/// The stretches of a window, each so many milliseconds long; the last one may be shorter.
///
/// # Errors
///
/// Where there would be more than 1,000.
pub fn stretches(window: Window, length: i64) -> Result<Vec<Window>, Fault> {
    let (mut from, mut stretches) = (window.from, Vec::new());
    while from < window.to {
        if stretches.len() == MOST {
            return Err(
                Fault::invalid_request(format!("the window would take more than {MOST} queries"))
                    .hint("use a larger split, or a shorter window"),
            );
        }
        let to = from.saturating_add(length).min(window.to);
        stretches.push(Window { from, to });
        from = to;
    }
    Ok(stretches)
}

/// An instant as a query writes it, in RFC 3339 with milliseconds.
///
/// # Errors
///
/// Where it lies beyond the calendar.
pub fn instant(time: Timestamp) -> Result<String, Fault> {
    time::rfc3339(time).ok_or_else(|| Fault::invalid_request("the window reaches beyond the calendar"))
}
