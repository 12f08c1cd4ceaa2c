//! `host login`.

use std::io::Write;

use super::args::{LoginArgs, Talk};
use super::stop::Stop;
use super::{Failure, connection};
use crate::config::Config;
use crate::counted::counted;
use crate::remote::DeviceLogin;

/// Signs a person in from another device and keeps the refresh token.
pub async fn login(args: &LoginArgs, talk: &Talk) -> Result<(), Failure> {
    let _stop = Stop::listen(talk)?;
    let config = Config::load(args.config.config.as_deref())?;
    let settings = connection::of_name(&config, &args.connection)?;
    let login = DeviceLogin::start(&settings).await?;
    let prompt = login.prompt();
    let mut stderr = anstream::stderr();
    let _ = match &prompt.verification_uri_complete {
        Some(uri) => writeln!(stderr, "Open {uri}"),
        None => writeln!(stderr, "Open {}", prompt.verification_uri),
    };
    let code: String = prompt.user_code.chars().filter(|c| !c.is_control()).collect();
    let minutes = counted(prompt.expires_in.as_secs() / 60, "minute", "minutes");
    let _ = writeln!(stderr, "and enter the code {code} within {minutes}.");
    login.wait().await?;
    let _ = writeln!(
        stderr,
        "Signed in: {} can be used until its refresh token goes unused too long.",
        args.connection
    );
    Ok(())
}
