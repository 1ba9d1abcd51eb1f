//! Figures of ended delegated sessions, by agent and model.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sisyphus_base::text::one_line;
use sisyphus_tasks::outcome::duration;
use sisyphus_tasks::session::dollars;
use sisyphus_tasks::task::Task;

use super::tally::Tally;
use crate::session::in_dollars;
use crate::style::Hue;
use crate::table::{self, Cell, Column};

/// Longest name of an agent and a model, in characters.
const NAME_MAX: usize = 60;

const COLUMNS: [Column; 7] = [
    Column::right("RUNS", 0),
    Column::right("OK", 0),
    Column::right("MEDIAN", 8).may_go(3),
    Column::right("COST", 0),
    Column::right("TOKENS IN", 0).may_go(1),
    Column::right("TOKENS OUT", 0).may_go(2),
    Column::left("SESSION", 0).may_shrink_to(8),
];

/// An agent and a model; `None` where the call and the session name none.
type Group = (Option<String>, Option<String>);

/// The figures of all sessions, and of each group.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    all: Figures,
    groups: BTreeMap<Group, Figures>,
}

#[derive(Debug, Default)]
struct Figures {
    tally: Tally,
    cost_micro_usd: u64,
    input_tokens: u64,
    output_tokens: u64,
}

impl Figures {
    fn add(&mut self, task: &Task) {
        self.tally.add(task);
        let report = task.delegated.as_ref().and_then(|session| session.report.as_ref());
        let Some(report) = report else { return };
        let cost = report.cost_micro_usd.unwrap_or_default();
        self.cost_micro_usd = self.cost_micro_usd.saturating_add(cost);
        self.input_tokens = self.input_tokens.saturating_add(report.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(report.output_tokens);
    }

    fn view(&self) -> Value {
        let mut view = self.tally.view();
        view["cost_usd"] = json!(in_dollars(self.cost_micro_usd));
        view["input_tokens"] = json!(self.input_tokens);
        view["output_tokens"] = json!(self.output_tokens);
        view
    }

    fn row(&self, name: Cell) -> [Cell; 7] {
        let median = self.tally.durations.median();
        [
            Cell::from(self.tally.runs().to_string()),
            self.tally.rate(),
            Cell::from(median.map_or_else(|| "-".to_owned(), duration)),
            Cell::from(dollars(self.cost_micro_usd)),
            Cell::from(tokens(self.input_tokens)),
            Cell::from(tokens(self.output_tokens)),
            name,
        ]
    }
}

impl Sessions {
    pub(super) fn add(&mut self, task: &Task) {
        let Some(session) = &task.delegated else { return };
        self.all.add(task);
        let name = |name: &str| one_line(name, NAME_MAX);
        let group = (session.agent.as_deref().map(name), session.model().map(name));
        self.groups.entry(group).or_default().add(task);
    }

    pub(super) fn runs(&self) -> usize {
        self.all.tally.runs()
    }

    /// The groups, those first that ran most often.
    fn sorted(&self) -> Vec<(&Group, &Figures)> {
        let mut groups: Vec<(&Group, &Figures)> = self.groups.iter().collect();
        // The sort is stable, so equal counts stay in the order of their names.
        groups.sort_by_key(|(_, figures)| std::cmp::Reverse(figures.tally.runs()));
        groups
    }

    pub(super) fn total_view(&self) -> Value {
        self.all.view()
    }

    pub(super) fn views(&self) -> Vec<Value> {
        let view = |((agent, model), figures): (&Group, &Figures)| {
            let mut view = figures.view();
            view["agent"] = json!(agent);
            view["model"] = json!(model);
            view
        };
        self.sorted().into_iter().map(view).collect()
    }

    pub(super) fn text(&self) -> String {
        let name = |(agent, model): &Group| {
            let agent = agent.as_deref().unwrap_or("no agent");
            format!("{agent}, {}", model.as_deref().unwrap_or("unknown model"))
        };
        let rows = self.sorted().into_iter();
        let mut rows: Vec<[Cell; 7]> =
            rows.map(|(group, figures)| figures.row(Cell::from(name(group)))).collect();
        rows.push(self.all.row(Cell::of(Hue::Title, "all sessions")));
        format!("{}\n{}\n", table::text(&COLUMNS, &rows), self.all.tally.said())
    }
}

/// A number of tokens, short: `950`, `12.3 k`, `4.5 M`.
fn tokens(count: u64) -> String {
    let in_units = |unit: u64| format!("{}.{}", count / unit, count % unit * 10 / unit);
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{} k", in_units(1_000)),
        _ => format!("{} M", in_units(1_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_counted_in_thousands() {
        let cases = [(0, "0"), (999, "999"), (12_345, "12.3 k"), (4_560_000, "4.5 M")];
        for (count, expected) in cases {
            assert_eq!(tokens(count), expected);
        }
    }
}
