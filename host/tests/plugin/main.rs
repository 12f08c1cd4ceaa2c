//! The sandbox from outside: what loads, what a good guest gets, and what every kind of bad guest gets.

mod fit;
mod guests;
mod limits;
mod load;
mod report;
mod wasi;
