//! `host`: see the library's documentation.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(host::cli::main())
}
