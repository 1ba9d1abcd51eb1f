//! The measurements, in the one format that is printed, written to `target/bench.json` and made into a page.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use super::machine::{Machine, Run};
use super::versions::Version;

/// The version of the file format. A file of another version is not read.
const VERSION: u32 = 2;

/// The newest measurement of each part, all on the same kind of machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    version: u32,
    pub(crate) machine: Machine,
    pub(crate) sections: Vec<Section>,
}

/// The measurements of one part in one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) run: Run,
    /// The programs that were measured beside ours.
    pub(crate) beside: Vec<Version>,
    pub(crate) tables: Vec<Table>,
}

/// Rows that are compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) title: String,
    /// The goal, or what else a reader needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    pub(crate) rows: Vec<Row>,
}

/// One candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) times: Option<Summary>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) facts: Vec<Fact>,
}

/// The summary of many times.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) median_ms: f64,
    pub(crate) p95_ms: f64,
    /// The ratio to the median of the first row, unless the table's note names another reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ratio: Option<f64>,
}

/// A number other than the row's own times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fact {
    /// With its unit.
    pub(crate) what: String,
    pub(crate) value: f64,
}

impl Table {
    pub(crate) fn new(title: impl Into<String>, rows: Vec<Row>) -> Self {
        Self { title: title.into(), note: None, rows }
    }

    pub(crate) fn with_note(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }

    /// The facts of all rows, each once.
    pub(crate) fn facts(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for fact in self.rows.iter().flat_map(|row| &row.facts) {
            if !names.contains(&fact.what.as_str()) {
                names.push(&fact.what);
            }
        }
        names
    }

    pub(crate) fn has_times(&self) -> bool {
        self.rows.iter().any(|row| row.times.is_some())
    }
}

impl Row {
    /// A row that holds only facts.
    pub(crate) fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), times: None, facts: Vec::new() }
    }

    pub(crate) fn with(mut self, what: &str, value: f64) -> Self {
        self.facts.push(Fact { what: what.to_owned(), value: rounded(value) });
        self
    }

    pub(crate) fn fact(&self, what: &str) -> Option<f64> {
        self.facts.iter().find(|fact| fact.what == what).map(|fact| fact.value)
    }
}

/// Rounds to thousandths: the measurements in milliseconds are no finer.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

impl Report {
    pub(crate) fn empty(machine: Machine) -> Self {
        Self { version: VERSION, machine, sections: Vec::new() }
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        let report: Self = serde_json::from_str(text).context("it is not one of our reports")?;
        ensure!(report.version == VERSION, "its version is {}, not {VERSION}", report.version);
        Ok(report)
    }

    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("could not read `{}`", path.display()))?;
        Self::parse(&text).with_context(|| format!("could not use `{}`", path.display()))
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("could not encode the report")?;
        fs::write(path, text + "\n")
            .with_context(|| format!("could not write `{}`", path.display()))
    }

    /// Adds parts that only `other` has. Parts from another kind of machine are dropped, because their figures would
    /// look comparable.
    pub(crate) fn completed_by(mut self, other: Self) -> Self {
        if self.machine == other.machine {
            let is_new =
                |section: &Section| self.sections.iter().all(|own| own.name != section.name);
            let kept: Vec<Section> = other.sections.into_iter().filter(is_new).collect();
            self.sections.extend(kept);
        }
        self
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn section(name: &str, commit: &str) -> Section {
        let times = Summary { median_ms: 1.25, p95_ms: 2.0, ratio: Some(1.0) };
        let rows = vec![
            Row { times: Some(times), ..Row::named("a") },
            Row::named("b").with("resident, KiB", 2_048.0),
        ];
        Section {
            name: name.to_owned(),
            run: Run { date: "2026-01-01".to_owned(), commit: commit.to_owned(), load: 0.5 },
            beside: vec![Version { name: "bash".to_owned(), version: "5.2".to_owned() }],
            tables: vec![Table::new("A | table", rows).with_note("goal: 1")],
        }
    }

    pub(crate) fn report(sections: Vec<Section>) -> Report {
        Report { sections, ..Report::empty(Machine::of_tests()) }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let report = report(vec![section("hooks", "one")]);
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(Report::parse(&text).unwrap(), report);
        assert!(Report::parse("{}").is_err());
        assert!(Report::parse(&text.replace("\"version\":2", "\"version\":1")).is_err());
    }

    /// `completed_by` keeps the other parts of an older run on the same kind of machine.
    #[test]
    fn a_partial_run_keeps_the_other_parts() {
        let old = report(vec![section("hooks", "old"), section("runner", "old")]);
        let new = report(vec![section("hooks", "new")]);
        let both = new.clone().completed_by(old.clone());
        assert_eq!(both.sections, [section("hooks", "new"), section("runner", "old")]);

        let mut elsewhere = old;
        elsewhere.machine.cores += 1;
        assert_eq!(new.clone().completed_by(elsewhere), new);
    }

    #[test]
    fn the_columns_of_a_table_are_those_of_all_its_rows() {
        let table = &section("hooks", "one").tables[0];
        assert_eq!(table.facts(), ["resident, KiB"]);
        assert!(table.has_times());
        assert_eq!(table.rows[1].fact("resident, KiB"), Some(2_048.0));
        assert_eq!(table.rows[0].fact("resident, KiB"), None);
    }
}
