//! The program that the tests have plugins compiled by, as the host does with itself.

fn main() -> std::process::ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some(sandbox::ARGUMENT) => sandbox::compile_stdin().into(),
        _ => std::process::ExitCode::FAILURE,
    }
}
