//! Which values a key may have, and what counts of one.

use serde_json::Value;

use super::super::{group, program};
use super::{Key, Kind, Zero};

impl Key {
    /// Its possible values, in words.
    pub fn type_in_words(&self) -> String {
        match self.kind {
            Kind::Switch | Kind::Consent => "true or false".to_owned(),
            Kind::Number { min: Some(min), max: Some(max), unit, .. } => {
                format!("a whole number of {unit}, 0 or {min} to {max}")
            }
            Kind::Number { max: Some(max), unit, .. } => {
                format!("a whole number of {unit}, at most {max}")
            }
            Kind::Number { max: None, unit, .. } => format!("a whole number of {unit}"),
            Kind::Patterns { most, longest } => {
                format!("a list of at most {most} texts of 1 to {longest} characters")
            }
            Kind::Limits { most, longest } => {
                format!(
                    "an object of at most {most} names of at most {longest} characters, each with a whole number"
                )
            }
            Kind::Groups { most, patterns, longest } => {
                format!(
                    "an object like `{{\"build\": {{\"patterns\": [\"cargo *\"], \"limit\": 1}}}}`: at most {most} names of at most {} small letters, digits, `-` and `_`, each with `patterns` (at most {patterns} texts of 1 to {longest} characters); it may have `limit` (a whole number of at least 1, without it 1) and `foreground` (`run`, or `ask`)",
                    group::NAME_MAX
                )
            }
            Kind::Program { most, longest } => {
                format!(
                    "a list of at most {most} texts of at most {longest} characters: the whole path of a program, or a name \
                     in `PATH`, and its arguments"
                )
            }
        }
    }

    /// The limit that a number exceeds. 0 is below none.
    pub(crate) fn exceeded(&self, value: &Value) -> Option<u64> {
        let Kind::Number { min, max, .. } = self.kind else { return None };
        let number = whole_number(value)?;
        let above = max.filter(|max| number > *max);
        above.or_else(|| min.filter(|min| (1..*min).contains(&number)))
    }

    /// The value with its limits applied; `None` for a value of another type.
    pub fn usable(&self, value: &Value) -> Option<Value> {
        match self.kind {
            Kind::Switch | Kind::Consent => value.as_bool().map(Value::Bool),
            Kind::Number { default, zero, .. } => {
                let number = self.exceeded(value).or_else(|| whole_number(value))?;
                let is_default = number == 0 && zero == Zero::Default;
                Some(if is_default { default } else { number }.into())
            }
            // One wrong entry of a list or an object does not cost the others.
            Kind::Patterns { most, longest } => {
                let texts = value.as_array()?.iter().filter_map(Value::as_str).map(str::trim);
                let usable = texts.filter(|text| (1..=longest).contains(&text.chars().count()));
                Some(usable.take(most).map(Value::from).collect())
            }
            Kind::Limits { most, longest } => {
                let usable = value
                    .as_object()?
                    .iter()
                    .filter(|(name, number)| number.is_u64() && name.chars().count() <= longest);
                let usable = usable.map(|(name, number)| (name.clone(), number.clone()));
                Some(Value::Object(usable.take(most).collect()))
            }
            Kind::Groups { most, patterns, longest } => {
                let groups = value.as_object()?.iter();
                let usable = groups.filter_map(|(name, group)| {
                    Some((name.clone(), group::usable(name, group, patterns, longest)?))
                });
                Some(Value::Object(usable.take(most).collect()))
            }
            Kind::Program { most, longest } => program::usable(value, most, longest),
        }
    }
}

/// The number that a value is. One beyond 64 bits counts as the largest of these.
fn whole_number(value: &Value) -> Option<u64> {
    let is_beyond = |number: &f64| *number >= 2_f64.powi(64);
    value.as_u64().or_else(|| value.as_f64().filter(is_beyond).map(|_| u64::MAX))
}
