/// One switch of a scenario.
#[derive(Clone, Copy, Debug)]
pub struct Switch {
    /// What it is called.
    pub name: &'static str,
    /// What its value stands for; none for a switch without one.
    pub value: Option<&'static str>,
    /// What it does, in a line.
    pub summary: &'static str,
}
