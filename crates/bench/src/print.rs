//! The tables as printed text.

use super::report::Table;

const NAME: usize = 52;
const COLUMN: usize = 10;

/// Prints one table.
pub(crate) fn print(table: &Table) {
    let note = table.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
    println!("\n{}{note}", table.title);
    let facts = table.facts();
    let mut head = format!("{:<NAME$}", "");
    if table.has_times() {
        head += &format!(" {:>COLUMN$} {:>COLUMN$} {:>COLUMN$}", "median ms", "p95 ms", "ratio");
    }
    for fact in &facts {
        head += &format!("  {fact:>COLUMN$}");
    }
    println!("{head}");
    for row in &table.rows {
        let mut line = format!("{:<NAME$}", row.name);
        if table.has_times() {
            let times = row.times;
            let cells = [
                cell(times.map(|it| it.median_ms), thousandths),
                cell(times.map(|it| it.p95_ms), thousandths),
                cell(times.and_then(|it| it.ratio), hundredths),
            ];
            line += &cells.map(|cell| format!(" {cell:>COLUMN$}")).concat();
        }
        for fact in &facts {
            let width = fact.chars().count().max(COLUMN);
            line += &format!("  {:>width$}", cell(row.fact(fact), number));
        }
        println!("{}", line.trim_end());
    }
}

/// Empty if the value is unknown.
pub(crate) fn cell(value: Option<f64>, form: fn(f64) -> String) -> String {
    value.map(form).unwrap_or_default()
}

pub(crate) fn thousandths(value: f64) -> String {
    format!("{value:.3}")
}

pub(crate) fn hundredths(value: f64) -> String {
    format!("{value:.2}")
}

/// Prints a whole number without decimals.
pub(crate) fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { thousandths(value) }
}
