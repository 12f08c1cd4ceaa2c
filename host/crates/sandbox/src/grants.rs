//! The requests that a plugin may make. [`Grants`] is a list of [`Grant`]s, each a method and a path below the connection's base URL,
//! as `POST /interop/rest/v1/reports`.
//!
//! A plugin names a path by its segments, unencoded, and the host encodes each: what is compared here is what is sent.
//! Query and body do not count. In a grant, `*` stands for one segment, and `/**` at the end for any number of them.
//!
//! ```
//! use sandbox::{Grant, Grants};
//!
//! let post: Grant = "POST /interop/rest/v1/reports".parse()?;
//! let grants = Grants::get().with([post]);
//! assert_eq!(grants.to_string(), "GET /**, POST /interop/rest/v1/reports");
//! # Ok::<(), String>(())
//! ```

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize, Serializer};

use super::PluginError;
use super::bindings::{Fetch, HttpRequest, Method};
use super::call_context::CallContext;
use super::error::plain;

/// Requests that one error names.
const TOLD: usize = 8;

/// The path at which the host has a job's file deleted ("Delete Files (v3)" of the EPM Cloud REST interface).
const DELETE_FILES: [&str; 5] = ["interop", "rest", "v3", "files", "delete"];

/// Everything but what a path segment may hold as it is (RFC 3986, section 3.3), and of that what a grant's syntax uses.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'+')
    .remove(b',')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// A kind of request that a plugin may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Grant {
    method: Method,
    path: Vec<PathSegment>,
    /// True where anything may follow the path.
    below: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PathSegment {
    /// A segment that is this text, unencoded.
    Is(String),
    /// Any one segment.
    Any,
}

impl Grant {
    /// A request that may be asked for as it is.
    fn of(method: Method, path: impl IntoIterator<Item = impl Into<String>>) -> Grant {
        Grant {
            method,
            path: path
                .into_iter()
                .map(|segment| PathSegment::Is(segment.into()))
                .collect(),
            below: false,
        }
    }

    /// Every request of that method.
    fn all(method: Method) -> Grant {
        Grant {
            method,
            path: Vec::new(),
            below: true,
        }
    }

    fn allows(&self, method: Method, path: &[impl AsRef<str>]) -> bool {
        let Some((named, rest)) = path.split_at_checked(self.path.len()) else {
            return false;
        };
        let steps = self.path.iter().zip(named);
        self.method == method
            && steps.into_iter().all(|(step, segment)| match step {
                PathSegment::Is(name) => name == segment.as_ref(),
                PathSegment::Any => is_one_segment(segment.as_ref()),
            })
            && match self.below {
                // Whoever may ask for any path gains nothing by spelling one in an odd way.
                true if self.path.is_empty() => true,
                true => rest.iter().all(|segment| is_one_segment(segment.as_ref())),
                false => rest.is_empty(),
            }
    }
}

/// True where every server takes the text for one segment, and for this one: some decode first and split afterwards, some cut off
/// what follows a semicolon.
fn is_one_segment(segment: &str) -> bool {
    !segment.contains(['/', '\\', '%', ';', '?', '#'])
}

/// The method's name in HTTP.
pub fn name(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
    }
}

impl FromStr for Grant {
    type Err = String;

    fn from_str(text: &str) -> Result<Grant, String> {
        let wrong = |why: &str| {
            format!("a grant is a method and a path below the connection, as \"POST /interop/rest/v1/reports\": {why}")
        };
        let (method, path) = text
            .split_once(' ')
            .ok_or_else(|| wrong("one space must separate the two"))?;
        let methods = [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete];
        let method = methods
            .into_iter()
            .find(|known| name(*known) == method)
            .ok_or_else(|| wrong("the method is one of GET, POST, PUT, PATCH, DELETE"))?;
        let path = path.strip_prefix('/').ok_or_else(|| wrong("the path begins with /"))?;
        if path.contains(['?', '#']) {
            return Err(wrong("queries are not compared, leave it out"));
        }
        if path.contains(char::is_whitespace) {
            return Err(wrong("white space in a path is written as %20"));
        }
        let mut segments: Vec<&str> = match path {
            "" => Vec::new(),
            path => path.split('/').collect(),
        };
        let below = segments.last() == Some(&"**");
        if below {
            segments.pop();
        }
        let step = |segment: &&str| {
            let decoded = match *segment {
                "*" => return Ok(PathSegment::Any),
                segment if segment.contains('*') => {
                    return Err(wrong(
                        "* stands for a whole segment, ** only at the end; the character is %2A",
                    ));
                }
                segment => percent_decode_str(segment).decode_utf8(),
            };
            match decoded {
                Err(_) => Err(wrong("the path is not UTF-8")),
                Ok(name) if matches!(&*name, "" | "." | "..") => Err(wrong(
                    "no segment of the path is empty, . or .., and it does not end with /",
                )),
                Ok(name) if name.contains(char::is_control) => Err(wrong("the path holds a control character")),
                Ok(name) => Ok(PathSegment::Is(name.into_owned())),
            }
        };
        Ok(Grant {
            method,
            path: segments.iter().map(step).collect::<Result<_, _>>()?,
            below,
        })
    }
}

impl TryFrom<String> for Grant {
    type Error = String;

    fn try_from(text: String) -> Result<Grant, String> {
        text.parse()
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", name(self.method))?;
        for step in &self.path {
            let segment: Cow<'_, str> = match step {
                PathSegment::Is(name) => utf8_percent_encode(name, ENCODED).into(),
                PathSegment::Any => "*".into(),
            };
            write!(f, "/{segment}")?;
        }
        match (self.below, self.path.is_empty()) {
            (true, _) => f.write_str("/**"),
            (false, true) => f.write_str("/"),
            (false, false) => Ok(()),
        }
    }
}

impl Serialize for Grant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The requests that a plugin may ask for: those that one of the grants allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    /// The grants that there are; none where anything is allowed.
    only: Option<Vec<Grant>>,
}

impl Grants {
    /// `GET` of any path: what a report gets unless somebody says more.
    pub fn get() -> Grants {
        Grants::only([Grant::all(Method::Get)])
    }

    /// The requests that a description lists; without any, `GET` of any path.
    pub fn listed(requests: &[String]) -> Grants {
        // A description is checked before it is used.
        let listed = requests.iter().filter_map(|request| request.parse().ok());
        match requests.is_empty() {
            true => Grants::get(),
            false => Grants::only(listed),
        }
    }

    /// Just these.
    pub fn only(grants: impl IntoIterator<Item = Grant>) -> Grants {
        Grants {
            only: Some(grants.into_iter().collect()),
        }
    }

    /// Anything: for what is never sent, and for sinks, whose endpoint is there for them alone.
    pub fn anything() -> Grants {
        Grants { only: None }
    }

    /// The grants with these besides.
    pub fn with(mut self, more: impl IntoIterator<Item = Grant>) -> Grants {
        if let Some(only) = &mut self.only {
            only.extend(more);
        }
        self
    }

    /// The grants; `None` where anything is allowed.
    pub fn list(&self) -> Option<&[Grant]> {
        self.only.as_deref()
    }

    /// The grants that a plan needs besides these, each once.
    pub fn missing(&self, plan: &[Fetch], unique_name: &str) -> Vec<Grant> {
        let mut missing = Vec::new();
        let needed = plan.iter().flat_map(|fetch| needs(fetch, unique_name));
        for grant in needed.filter_map(|(method, path)| self.lack(method, &path)) {
            if !missing.contains(&grant) {
                missing.push(grant);
            }
        }
        missing
    }

    /// Refuses a plan that asks for more.
    pub(super) fn check(&self, plan: &[Fetch], unique_name: &str, site: CallContext<'_>) -> Result<(), PluginError> {
        refuse(self.missing(plan, unique_name), site)
    }

    /// Refuses a request that is more.
    pub(super) fn check_request(&self, request: &HttpRequest, site: CallContext<'_>) -> Result<(), PluginError> {
        refuse(self.lack(request.method, &request.path).into_iter().collect(), site)
    }

    fn lack(&self, method: Method, path: &[impl AsRef<str>]) -> Option<Grant> {
        let allowed = (self.only.as_ref()).is_none_or(|only| only.iter().any(|grant| grant.allows(method, path)));
        (!allowed).then(|| Grant::of(method, path.iter().map(AsRef::as_ref)))
    }
}

/// The requests whose method and path, or whose meaning, a plugin chooses. All others that a fetch takes are the host's own:
/// they ask for what the server named, and change nothing.
fn needs<'a>(fetch: &'a Fetch, unique_name: &str) -> Vec<(Method, Vec<&'a str>)> {
    let of = |request: &'a HttpRequest| (request.method, request.path.iter().map(String::as_str).collect());
    match fetch {
        Fetch::Call(call) => vec![of(&call.request)],
        Fetch::Pages(pages) => vec![of(&pages.request)],
        Fetch::Job(job) => {
            let mut needs = vec![of(&job.submit)];
            // Only a file that has the run's own name is the host's to remove: any other was perhaps there before.
            if !job.keep && !job.file.starts_with(unique_name) {
                needs.push((Method::Post, DELETE_FILES.to_vec()));
            }
            needs
        }
    }
}

fn refuse(missing: Vec<Grant>, site: CallContext<'_>) -> Result<(), PluginError> {
    let Some(first) = missing.first() else {
        return Ok(());
    };
    Err(PluginError::NotGranted {
        label: site.label.to_owned(),
        request: plain(&first.to_string()),
        allow: missing
            .iter()
            .take(TOLD)
            .map(|grant| plain(&grant.to_string()))
            .collect(),
    })
}

impl fmt::Display for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.only.as_deref() {
            None => f.write_str("anything"),
            Some([]) => f.write_str("nothing"),
            Some(only) => {
                let texts: Vec<String> = only.iter().map(ToString::to_string).collect();
                f.write_str(&texts.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests;
