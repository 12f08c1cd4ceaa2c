//! Downloads: a file in one piece, or from the middle on where the scenario has ranges.

use std::io;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;

use super::answer;
use super::chance::{hex32, word};
use super::desk::File;
use super::scenario::Ranges;
use super::site::AppState;

/// The file, or the part of it that the request's `Range` asks for.
pub(super) fn send(site: &AppState, file: &File, request: &HeaderMap) -> Response {
    let ranges = site.scenario.ranges;
    if ranges == Ranges::None {
        let length = file.table.is_small(site).then(|| file.table.length(site));
        return part(site, file, StatusCode::OK, (0, u64::MAX), length);
    }
    let length = file.table.length(site);
    let tag = tag(site, file);
    let given = |name: HeaderName| request.get(name).and_then(|value| value.to_str().ok());
    let holds = given(header::IF_RANGE).is_none_or(|wanted| wanted == tag);
    let range = given(header::RANGE)
        .filter(|_| holds)
        .and_then(|range| read_range(range, length));
    let mut response = match range {
        None => part(site, file, StatusCode::OK, (0, u64::MAX), Some(length)),
        Some(Range::Outside) => {
            let mut response = answer::refusal(StatusCode::RANGE_NOT_SATISFIABLE, "");
            put(&mut response, header::CONTENT_RANGE, &format!("bytes */{length}"));
            response
        }
        Some(Range::Inside(first, last)) => {
            let (first, last) = if ranges == Ranges::Wrong {
                (0, last - first)
            } else {
                (first, last)
            };
            let size = last - first + 1;
            let mut response = part(site, file, StatusCode::PARTIAL_CONTENT, (first, size), Some(size));
            put(
                &mut response,
                header::CONTENT_RANGE,
                &format!("bytes {first}-{last}/{length}"),
            );
            response
        }
    };
    put(&mut response, header::ACCEPT_RANGES, "bytes");
    put(&mut response, header::ETAG, &tag);
    response
}

/// A part of a file: `size` bytes after the first `skip`.
fn part(site: &AppState, file: &File, status: StatusCode, (skip, size): (u64, u64), length: Option<u64>) -> Response {
    let pieces = file.table.pieces(site).scan((skip, size), |(skip, left), mut piece| {
        let dropped = usize::try_from(*skip).unwrap_or(usize::MAX).min(piece.len());
        piece.drain(..dropped);
        piece.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
        *skip -= u64::try_from(dropped).unwrap_or(*skip);
        *left -= u64::try_from(piece.len()).unwrap_or(*left);
        Some(piece)
    });
    let pieces = pieces
        .filter(|piece| !piece.is_empty())
        .map(|piece| Ok::<_, io::Error>(Bytes::from(piece)));
    let mut response = answer::with_type(
        status,
        "application/octet-stream",
        Body::from_stream(stream::iter(pieces)),
    );
    let extension = file.name.rsplit_once('.').map_or("", |(_, extension)| extension);
    put(&mut response, HeaderName::from_static("fileextension"), extension);
    if let Some(length) = length {
        put(&mut response, header::CONTENT_LENGTH, &length.to_string());
    }
    response
}

fn put(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn tag(site: &AppState, file: &File) -> String {
    let turn = if site.scenario.ranges == Ranges::Changing {
        site.turn()
    } else {
        0
    };
    let words = [
        site.scenario.seed,
        word(&file.name),
        file.table.from.cast_unsigned(),
        file.table.to.cast_unsigned(),
        turn,
    ];
    format!("\"{}\"", hex32(&words))
}

#[derive(Debug, PartialEq, Eq)]
enum Range {
    Outside,
    /// The first and the last byte.
    Inside(u64, u64),
}

/// One range of bytes: `bytes=5-`, `bytes=5-9` or `bytes=-5`. Anything else is as if it were not there.
fn read_range(range: &str, length: u64) -> Option<Range> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = match (first, last) {
        ("", last) => (length.saturating_sub(last.parse().ok()?), length.checked_sub(1)?),
        (first, "") => (first.parse().ok()?, length.checked_sub(1)?),
        (first, last) => (
            first.parse().ok()?,
            last.parse::<u64>().ok()?.min(length.checked_sub(1)?),
        ),
    };
    Some(if first < length && first <= last {
        Range::Inside(first, last)
    } else {
        Range::Outside
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_wants() {
        for (range, expected) in [
            ("bytes=0-", Some(Range::Inside(0, 99))),
            ("bytes=90-", Some(Range::Inside(90, 99))),
            ("bytes=90-95", Some(Range::Inside(90, 95))),
            ("bytes=90-500", Some(Range::Inside(90, 99))),
            ("bytes=-10", Some(Range::Inside(90, 99))),
            ("bytes=100-", Some(Range::Outside)),
            ("bytes=9-5", Some(Range::Outside)),
            ("bytes=0-1,5-6", None),
            ("lines=0-1", None),
            ("bytes=x-", None),
        ] {
            assert_eq!(read_range(range, 100), expected, "{range}");
        }
    }
}
