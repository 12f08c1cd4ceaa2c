//! `drop`: what is selected is forgotten.

use super::elsewhere::Elsewhere;
use super::store::SetAsideStore;
use crate::error::CliError;
use crate::render::print;

/// Forgets what is selected, and says how much it was. What belongs elsewhere is excepted from the selection already.
pub fn drop_selected<S: SetAsideStore>(
    store: &S,
    selection: &S::Selection,
    elsewhere: &Elsewhere,
) -> Result<(), CliError> {
    elsewhere.say(store, selection)?;
    let dropped = store.remove(selection)?;
    print(format!("{dropped} dropped\n").as_bytes())?;
    elsewhere.end()
}
