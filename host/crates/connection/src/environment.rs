//! The environment of a process, as far as a configuration needs it.

/// A lookup of environment variables: what one of them has, where it is set.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The environment of this process; a variable that is blank counts as not set.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}
