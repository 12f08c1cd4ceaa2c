//! The harmless questions to an EPM environment: its files, its sign-ins of today, and the oldest ones that are kept.
//!
//! The roles that the reports need are on their pages of the EPM Cloud REST guide.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use serde_json::Value;

use crate::probe::fact::{Fact, SHOWN, limit, unknown};
use crate::probe::failure::ProbeFailure;
use crate::probe::patience::patiently;
use crate::probe::probe_report::ProbeReport;
use crate::probe::question::ask;
use remote::{Answer, Remote};

const EPM_LOGINS: &str = "ask the administrator for the role Service Administrator, or any predefined role with the \
     application role Access Control - View; Invalid Login needs Identity Domain Administrator with any predefined role";
const EPM_FILES: &str = "ask the administrator for the role Service Administrator, or any predefined role with the \
     application role Migrations - Administer: reports are downloaded as files";

/// Days that EPM Cloud keeps sign-ins, as the page of the User Login Report says.
const EPM_DAYS: i32 = 120;

/// Tries an environment at the time `now`: one question for the files, one for the sign-ins.
pub(crate) async fn probe(remote: &Remote, now: Timestamp) -> Result<ProbeReport, ProbeFailure> {
    let files = list_files(remote).await?;
    let today = now.to_zoned(TimeZone::UTC).date();
    let logins = read_sign_ins(remote, today).await?;
    Ok(ProbeReport {
        facts: facts(remote, today, [&files, &logins]).await,
        ..ProbeReport::of_steps(["reached", "signed in", "may list files", "may read logins"])
    })
}

/// The files of the environment, in the answer.
async fn list_files(remote: &Remote) -> Result<Answer, ProbeFailure> {
    let path = ["interop", "rest", "v2", "files", "list"];
    ask(remote, "files", &path, &[], EPM_FILES).await
}

/// The sign-ins of one day, in the answer: no job, and no file.
async fn read_sign_ins(remote: &Remote, day: Date) -> Result<Answer, ProbeFailure> {
    let day = day.to_string();
    let path = ["interop", "rest", "security", "v1", "report", "userloginreport"];
    let query = [("from_date", day.as_str()), ("to_date", day.as_str())];
    ask(remote, "logins", &path, &query, EPM_LOGINS).await
}

/// The facts of an EPM environment. `seen` are the answers of the probe, the last one the sign-ins of `today`.
async fn facts(remote: &Remote, today: Date, seen: [&Answer; 2]) -> Vec<Fact> {
    // The oldest day that is kept in whole, whatever zone the server counts its days in.
    let days = EPM_DAYS - 1;
    let old = match today.checked_sub(days.days()) {
        Ok(day) => Some((day, patiently(read_sign_ins(remote, day)).await)),
        Err(_) => None,
    };
    let retention = match &old {
        Some((day, Ok(answer))) => match sign_ins(answer).len() {
            0 => format!("{days} days can be asked for, but there are no sign-ins on {day}"),
            some => format!("sign-ins reach back at least {days} days: {some} on {day}"),
        },
        Some((day, Err(why))) => unknown(&format!("asked for {day}, {}", remote.presentable(why, 2 * SHOWN))),
        None => unknown("there is no such day"),
    };
    let [_, last] = seen;
    let old = old.as_ref().and_then(|(_, answer)| answer.as_ref().ok());
    let newest = [Some(last), old].into_iter().flatten().find_map(|answer| {
        let rows = sign_ins(answer);
        let text = rows.last()?.get("accessdateandtime")?.as_str()?;
        Some(remote.presentable(text, SHOWN))
    });
    let times = match newest {
        Some(text) => format!("sign-in times look like {text:?}"),
        None => unknown("no sign-in was found"),
    };
    let answers = seen.into_iter().chain(old);
    vec![
        Fact::new("retention", retention),
        Fact::new("times", times),
        Fact::new("rate limit", limit(remote, answers)),
    ]
}

/// The rows of a User Login Report in an answer.
fn sign_ins(answer: &Answer) -> Vec<Value> {
    match serde_json::from_slice::<Value>(&answer.body) {
        Ok(Value::Object(mut members)) => match members.remove("details") {
            Some(Value::Array(rows)) => rows,
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}
