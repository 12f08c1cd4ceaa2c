//! `host login`.

use crate::args::{LoginArgs, OutputOptions};
use crate::error::CliError;
use crate::error::note;
use crate::log::{self, LogLine};
use crate::stop::Shutdown;
use base::counted::counted;
use base::visible;
use remote::DeviceLogin;
use setup::config::Config;
use setup::connections;

/// Signs a person in from another device and keeps the refresh token.
pub async fn login(args: &LoginArgs, talk: &OutputOptions) -> Result<(), CliError> {
    let _stop = Shutdown::listen(talk)?;
    let config = Config::load(args.config.config.as_deref())?;
    let name = args.connection.clone();
    // A secret may come of a command.
    let settings = base::blocking(move || connections::of_name(&config, &name)).await??;
    let login = DeviceLogin::start(&settings).await?;
    let prompt = login.prompt();
    let uri = match &prompt.verification_uri_complete {
        Some(uri) => uri,
        None => &prompt.verification_uri,
    };
    let code = visible::line(&prompt.user_code);
    let minutes = counted(prompt.expires_in.as_secs() / 60, "minute", "minutes");
    // Said also where nothing but errors is: nobody could sign in otherwise.
    let line = LogLine::new(
        "info",
        &format!("open {uri} and enter the code {code} within {minutes}"),
    );
    let line = line
        .with("code", "sign-in")
        .with("verification_uri", uri.to_string())
        .with("user_code", code.as_str());
    let text = format!("Open {uri}\nand enter the code {code} within {minutes}.\n");
    log::say(talk.log_format, &text, &line);
    login.wait().await?;
    note(
        &format!(
            "Signed in. The token for {} is stored and stays valid as long as it is used regularly.",
            args.connection
        ),
        talk,
    );
    Ok(())
}
