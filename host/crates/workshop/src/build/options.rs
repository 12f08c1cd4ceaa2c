/// Choices of a build.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Leave WASI in, so that what a Python plugin prints reaches the log. Other languages have none to leave.
    pub debug: bool,
}
