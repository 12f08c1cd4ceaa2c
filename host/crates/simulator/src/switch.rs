/// One switch of a scenario.
#[derive(Clone, Copy, Debug)]
pub struct Switch {
    /// The switch's name.
    pub name: &'static str,
    /// The meaning of its value; none for a switch without one.
    pub value: Option<&'static str>,
    /// The switch's effect, in a line.
    pub summary: &'static str,
}
