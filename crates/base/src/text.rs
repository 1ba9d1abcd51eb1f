//! Foreign text, made harmless.

mod clean;
mod cut;

pub use clean::{Cleaned, clean, clean_line, for_people, one_line, shown};
